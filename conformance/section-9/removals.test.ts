import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Device } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import type { Dict } from '../stranger/json.js';
import {
  act,
  type Change,
  checkChain,
  createSealed,
  identityDetail,
  InviteLink,
  joinEntry,
  joinSealed,
  postJoin,
  roomOf,
  sealedPost,
  stateEntry,
  stateHash,
} from '../stranger/private-channel.js';
import { newSenderKey } from '../stranger/sealed-message.js';

conformance('§9.2 members of an encrypted channel come and go', (node) => {
  const device = () => Device.signUpDevice(node);

  it('[DCP-9.2-02] a member who is removed loses reading, sending and hearing at once, on all his sockets', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const laptop = await Device.of(bob);
    const sockets = [];
    for (const own of [bob, laptop]) for (const url of node.running.urls) sockets.push(await own.via(url).connect());
    const key = newSenderKey();
    const heard = sealedPost(alice, room, key, { text: 'before' });
    await alice.rest.post(`/channels/${room.channel_id}/messages`, heard);
    for (const socket of sockets) await socket.message(String(heard['id']));
    const his = joinEntry(bob, room);
    await act(alice, room, 'user_removed', bob.userId);
    for (const socket of sockets) await socket.event('membership', { channel_id: room.channel_id, change: 'left' });
    expect(room.epoch).toBe(1);
    const unheard = sealedPost(alice, room, key, { text: 'after' });
    await alice.rest.post(`/channels/${room.channel_id}/messages`, unheard);
    for (const socket of sockets) {
      for (const command of ['get_history', 'subscribe', 'get_state']) {
        await socket.refused(command, { channel: room.channel_id }, 'CHANNEL_NOT_FOUND');
      }
      await socket.refused('typing', { channel: room.channel_id, typing: true }, 'CHANNEL_NOT_FOUND');
      const { channels } = await socket.ack('resume', { channels: { [room.channel_id]: 0 } });
      expect(JSON.stringify(channels)).not.toContain(room.channel_id);
      expect(JSON.stringify(socket.heard)).not.toContain(unheard['id']);
    }
    const post = sealedPost(bob, room, newSenderKey(), { text: 'x' });
    expectRefused(await bob.rest.post(`/channels/${room.channel_id}/messages`, post), 'CHANNEL_NOT_FOUND');
    expectRefused(await bob.rest.get(`/channels/${room.channel_id}/messages`), 'CHANNEL_NOT_FOUND');
    expectRefused(await postJoin(bob, room, his), 'CHANNEL_NOT_FOUND');
  });

  it('[DCP-9.2-02] the repetition of an old join brings nobody back', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await createSealed(alice);
    await act(alice, room, 'user_invited', bob.userId, identityDetail(bob));
    const join = joinEntry(bob, room);
    const socket = await bob.connect();
    room.moved(await socket.ack<Change>('join_channel', { channel: room.channel_id, entry: join }));
    await act(alice, room, 'user_removed', bob.userId);
    await socket.ask('join_channel', { channel: room.channel_id, entry: join });
    await postJoin(bob, room, join);
    const unheard = sealedPost(alice, room, newSenderKey(), { text: 'after' });
    await alice.rest.post(`/channels/${room.channel_id}/messages`, unheard);
    await socket.refused('get_history', { channel: room.channel_id }, 'CHANNEL_NOT_FOUND');
    expect(JSON.stringify(socket.heard)).not.toContain(unheard['id']);
  });

  it('[DCP-9.3-06] only the owner removes and bans, and nobody himself', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob, carol);
    const [hers, his] = [await alice.connect(), await bob.connect()];
    for (const action of ['user_removed', 'user_banned', 'user_unbanned'] as const) {
      const entry = stateEntry(bob, room, action, carol.userId);
      await his.refused('change_state', { channel: room.channel_id, entry }, 'INSUFFICIENT_PERMISSIONS');
    }
    const settings = stateEntry(bob, room, 'settings_changed', '', { name: 'mine' });
    await his.refused('change_state', { channel: room.channel_id, entry: settings }, 'INSUFFICIENT_PERMISSIONS');
    for (const action of ['user_removed', 'user_banned'] as const) {
      const entry = stateEntry(alice, room, action, alice.userId);
      await hers.refused('change_state', { channel: room.channel_id, entry }, 'INVALID_MESSAGE_FORMAT');
    }
    for (const action of ['user_joined', 'user_left'] as const) {
      const entry = stateEntry(alice, room, action, carol.userId, identityDetail(carol));
      expect((await hers.ask('change_state', { channel: room.channel_id, entry })).event).toBe('error');
    }
  });

  it('[DCP-9.3-06] a ban takes a member out and keeps him out, by name and by link', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const link = new InviteLink();
    await act(alice, room, 'link_created', alice.userId, link.details());
    const his = await bob.connect();
    await act(alice, room, 'user_banned', bob.userId);
    await his.event('membership', { channel_id: room.channel_id, change: 'left' });
    expect((await postJoin(bob, room, joinEntry(bob, room, link))).status).toBeGreaterThanOrEqual(400);
    const hers = await alice.connect();
    const invite = stateEntry(alice, room, 'user_invited', bob.userId, identityDetail(bob));
    await hers.refused('invite_user', { channel: room.channel_id, entry: invite }, 'INSUFFICIENT_PERMISSIONS');
    await act(alice, room, 'user_unbanned', bob.userId);
    expect((await postJoin(bob, room, joinEntry(bob, room, link))).status).toBe(200);
  });

  it('who leaves is out, and the key epoch grows', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const entry = stateEntry(bob, room, 'user_left', bob.userId);
    const { status, body } = await bob.rest.post(`/channels/${room.channel_id}/leave`, { entry });
    expect({ status, body }).toMatchObject({ status: 200, body: { state_head: stateHash(entry), epoch: 1 } });
    expectRefused(await bob.rest.get(`/channels/${room.channel_id}/messages`), 'CHANNEL_NOT_FOUND');
    expect((await bob.rest.get('/accounts/me/channels')).text).not.toContain(room.channel_id);
  });

  it('a public channel may be encrypted too: everybody joins, by a signed entry; only a ban turns its keys', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await createSealed(alice, { visibility: 'public' });
    expect((await bob.rest.get('/channels')).text).toContain(room.channel_id);
    expect((await bob.rest.post(`/channels/${room.channel_id}/join`)).status).toBeGreaterThanOrEqual(400);
    for (const guest of [bob, carol]) await joinSealed(guest, room);
    const link = stateEntry(alice, room, 'link_created', alice.userId, new InviteLink().details());
    const hers = await alice.connect();
    await hers.refused('invite_user', { channel: room.channel_id, entry: link }, 'INVALID_MESSAGE_FORMAT');
    const plain = { channel: room.channel_id, content: { text: 'x', format: 'plain' } };
    await hers.refused('send_message', plain, 'INVALID_MESSAGE_FORMAT');
    await act(bob, room, 'user_left', bob.userId);
    await act(alice, room, 'user_removed', carol.userId);
    expect(room.epoch).toBe(0);
    await joinSealed(carol, room);
    await act(alice, room, 'user_banned', carol.userId);
    expect(room.epoch).toBe(1);
    expectRefused(await postJoin(carol, room, joinEntry(carol, room)), 'INSUFFICIENT_PERMISSIONS');
  });

  it('[DCP-9.2-02] when a member’s account is gone, what he signed can still be checked by who comes later', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob);
    await act(bob, room, 'user_invited', carol.userId, identityDetail(carol));
    expect((await bob.rest.delete('/accounts/me')).status).toBe(200);
    await joinSealed(carol, room);
    const socket = await carol.connect();
    const chain = await socket.ack('get_state', { channel: room.channel_id });
    const entries = chain['entries'] as Dict[];
    expect(entries.filter(({ author }) => author === bob.userId)).toHaveLength(2);
    checkChain(chain['genesis'], room.channel_id, entries);
    expect(await socket.ack('get_devices', { users: [{ user_id: bob.userId }] })).toEqual({ logs: [] });
  });
});
