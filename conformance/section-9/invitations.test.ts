import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { Device } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import type { Dict } from '../stranger/json.js';
import {
  act,
  admit,
  type Change,
  createSealed,
  identityDetail,
  InviteLink,
  joinEntry,
  joinSealed,
  postJoin,
  roomOf,
  stateEntry,
} from '../stranger/private-channel.js';
import { past } from '../stranger/until.js';

conformance('§9.2 invitations', (node) => {
  async function invitationsOf(guest: Actor): Promise<Dict[]> {
    const { status, body } = await guest.rest.get<{ invitations: Dict[] }>('/accounts/me/invitations');
    expect(status).toBe(200);
    return body.invitations;
  }

  it('[DCP-9.2-02] who is invited is told, finds it in his list, joins, and is in no list any more', async () => {
    const [alice, bob] = [await Device.signUpDevice(node), await Device.signUpDevice(node)];
    const room = await createSealed(alice);
    const his = await bob.connect();
    await act(alice, room, 'user_invited', bob.userId, identityDetail(bob));
    const known = { channel: room.channel, channel_id: room.channel_id };
    await his.event('invitation', { ...known, by: alice.userId, change: 'invited' });
    expect(await invitationsOf(bob)).toEqual([expect.objectContaining({ ...known, invited_by: alice.userId })]);
    expect((await bob.rest.get(`/channels/${room.channel_id}`)).status).toBe(200);
    // Invited is not in: he reads the chain, and nothing that was said.
    expect(await his.ack('get_state', { channel: room.channel_id })).toMatchObject({ state_head: room.head });
    expect((await his.ask('get_history', { channel: room.channel_id })).event).toBe('error');
    expect((await his.ask('subscribe', { channel: room.channel_id })).event).toBe('error');
    await his.ack('join_channel', { channel: room.channel_id, entry: joinEntry(bob, room) });
    expect(await invitationsOf(bob)).toEqual([]);
    await his.ack('get_history', { channel: room.channel_id });
    // The directory is for everybody; one's own list is here.
    expect((await bob.rest.get('/channels')).text).not.toContain(room.channel_id);
    expect((await bob.rest.get('/accounts/me/channels')).text).toContain(room.channel_id);
  });

  it('[DCP-9.2-02] an invitation is for one person under one key: nobody else joins by it, nor he under another', async () => {
    const [alice, bob, mallory] = await three();
    const room = await createSealed(alice);
    await act(alice, room, 'user_invited', bob.userId, identityDetail(bob));
    expectRefused(await postJoin(mallory, room, joinEntry(mallory, room)), 'CHANNEL_NOT_FOUND');
    expect((await postJoin(mallory, room, joinEntry(bob, room))).status).toBeGreaterThanOrEqual(400);
    const other = joinEntry(bob, room, undefined, identityDetail(mallory));
    expectRefused(await postJoin(bob, room, other), 'INSUFFICIENT_PERMISSIONS');
    const wrong = stateEntry(alice, room, 'user_invited', mallory.userId, identityDetail(bob));
    const hers = await alice.connect();
    await hers.refused('invite_user', { channel: room.channel_id, entry: wrong }, 'INSUFFICIENT_PERMISSIONS');
    await joinSealed(bob, room);
  });

  it('[DCP-9.2-02] an invitation is declined, or withdrawn; then there is nothing to join', async () => {
    const [alice, bob, carol] = await three();
    const room = await createSealed(alice);
    const [his, hers] = [await bob.connect(), await carol.connect()];
    for (const guest of [bob, carol]) await act(alice, room, 'user_invited', guest.userId, identityDetail(guest));
    await act(bob, room, 'invitation_revoked', bob.userId);
    await act(alice, room, 'invitation_revoked', carol.userId);
    await his.event('invitation', { channel_id: room.channel_id, change: 'revoked' });
    await hers.event('invitation', { channel_id: room.channel_id, change: 'revoked' });
    for (const guest of [bob, carol]) {
      expect(await invitationsOf(guest)).toEqual([]);
      expectRefused(await postJoin(guest, room, joinEntry(guest, room)), 'CHANNEL_NOT_FOUND');
    }
  });

  it('[DCP-9.2-03] an invite link lets in whoever holds it, and shows the chain before', async () => {
    const [alice, bob, carol] = await three();
    const room = await createSealed(alice);
    const link = new InviteLink();
    await act(alice, room, 'link_created', alice.userId, link.details());
    for (const guest of [bob, carol]) {
      const socket = await guest.connect();
      const proof = link.proofFor(room, guest);
      const { state_head } = await socket.ack('get_state', { channel: room.channel_id, link: proof });
      expect(state_head).toBe(room.head);
      await joinSealed(guest, room, link);
      await socket.ack('get_history', { channel: room.channel_id });
    }
  });

  it('[DCP-9.2-03] a link that was revoked, is over or was never made lets nobody in; nor does a forged proof', async () => {
    const [alice, bob, mallory] = await three();
    const room = await createSealed(alice);
    const other = await createSealed(alice);
    const [good, revoked, short] = [new InviteLink(), new InviteLink(), new InviteLink()];
    for (const link of [good, revoked]) await act(alice, room, 'link_created', alice.userId, link.details());
    await act(alice, room, 'link_revoked', alice.userId, { key: revoked.key.publicKey });
    // Its entry says that it began a minute ago: its end is a moment away.
    const timestamp = new Date(Date.now() - 60_000).toISOString();
    const end = Date.now() + 1_000;
    const details = { key: short.key.publicKey, expires: new Date(end).toISOString() };
    const entry = stateEntry(alice, room, 'link_created', alice.userId, details, { timestamp });
    room.moved(await (await alice.connect()).ack<Change>('invite_user', { channel: room.channel_id, entry }));
    await past(end);
    for (const link of [revoked, short, new InviteLink()]) {
      const socket = await bob.connect();
      const proof = link.proofFor(room, bob);
      await socket.refused('get_state', { channel: room.channel_id, link: proof }, 'CHANNEL_NOT_FOUND');
      expectRefused(await postJoin(bob, room, joinEntry(bob, room, link)), 'CHANNEL_NOT_FOUND');
    }
    const his = await bob.connect();
    for (const proof of [good.proofFor(room, mallory), good.proofFor(other, bob)]) {
      await his.refused('get_state', { channel: room.channel_id, link: proof }, 'CHANNEL_NOT_FOUND');
    }
    for (const proof of [good.proofFor(room, mallory), good.proofFor(other, bob), { key: good.key.publicKey }]) {
      const forged = joinEntry(bob, room, undefined, { link: proof });
      expect((await postJoin(bob, room, forged)).status).toBeGreaterThanOrEqual(400);
    }
    const backdated = joinEntry(bob, room, short);
    const before = bob.sign({ ...backdated, timestamp: new Date(end - 500).toISOString() });
    expect((await postJoin(bob, room, before)).status).toBeGreaterThanOrEqual(400);
    await joinSealed(bob, room, good);
  });

  it('[DCP-9.2-03] a link lives 90 days at most, and only members make or revoke one', async () => {
    const [alice, bob, mallory] = await three();
    const room = await roomOf(alice, bob);
    const socket = await alice.connect();
    for (const life of [0, -1, 90 * 86_400_000 + 60_000]) {
      const entry = stateEntry(alice, room, 'link_created', alice.userId, new InviteLink().details(life));
      await socket.refused('invite_user', { channel: room.channel_id, entry }, 'INVALID_MESSAGE_FORMAT');
    }
    const link = new InviteLink();
    const attempt = stateEntry(mallory, room, 'link_created', mallory.userId, link.details());
    await (
      await mallory.connect()
    ).refused('invite_user', { channel: room.channel_id, entry: attempt }, 'CHANNEL_NOT_FOUND');
    await act(bob, room, 'link_created', bob.userId, link.details());
    await joinSealed(mallory, room, link);
    await act(mallory, room, 'link_revoked', mallory.userId, { key: link.key.publicKey });
  });

  it('[DCP-9.2-02] a ban takes the invitation and keeps links shut, until it is lifted', async () => {
    const [alice, bob] = await three();
    const room = await createSealed(alice);
    const link = new InviteLink();
    await act(alice, room, 'link_created', alice.userId, link.details());
    await act(alice, room, 'user_invited', bob.userId, identityDetail(bob));
    await act(alice, room, 'user_banned', bob.userId);
    expect(await invitationsOf(bob)).toEqual([]);
    expectRefused(await postJoin(bob, room, joinEntry(bob, room)), 'CHANNEL_NOT_FOUND');
    expect((await postJoin(bob, room, joinEntry(bob, room, link))).status).toBeGreaterThanOrEqual(400);
    await act(alice, room, 'user_unbanned', bob.userId);
    await admit(alice, bob, room);
  });

  async function three(): Promise<[Device, Device, Device]> {
    return [await Device.signUpDevice(node), await Device.signUpDevice(node), await Device.signUpDevice(node)];
  }
});
