import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  ackOf,
  creation,
  groupName,
  hashOfEntry,
  inviteLink,
  makePerson,
  SealedRoom,
  sealedMessage,
  signedAgain,
  stateEntry,
  type TestPerson,
} from './sealed-client.js';
import { call, login, type Frame, TestSocket } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

const NOWHERE = `ch_${'a'.repeat(52)}`;

describe.each(BUS_KINDS)('e2ee channels through two gateways, on the %s bus', (kind) => {
  let node: TestNode;
  let alice: TestPerson;
  let bob: TestPerson;
  let eve: TestPerson;
  const open: TestSocket[] = [];
  let drawn = 0;

  const url = (gateway = 0) => node.urls[gateway] as string;
  const connect = async (who: TestPerson, gateway = 0, protocols?: string[]) => {
    const socket = await TestSocket.open(url(gateway), who.token, protocols);
    open.push(socket);
    // The answer says that the login behind the upgrade is done: events come from now.
    await socket.command('update_status', { status: 'online' });
    return socket;
  };
  const newName = () => `#sealed-${++drawn}`;
  const get = async (who: TestPerson, path: string) => call(url(), path, { token: who.token });
  const channelsOf = async (who: TestPerson) =>
    (
      (await get(who, '/api/v1/accounts/me/channels')).body as unknown as {
        channels: { id: string; channel_id: string }[];
      }
    ).channels;
  const inChannel = (id: string) => (frame: Frame) =>
    (frame.data as { channel_id?: string } | undefined)?.channel_id === id;
  const heard = (socket: TestSocket, id: string, event = 'message') => socket.events(event).filter(inChannel(id));
  const names = (socket: TestSocket, id: string) =>
    new Set(socket.frames.filter(inChannel(id)).map(({ data }) => (data as { channel?: string }).channel));

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind);
    [alice, bob, eve] = [
      await makePerson(url(), 'alice'),
      await makePerson(url(1), 'bob'),
      await makePerson(url(), 'eve'),
    ];
  });
  afterAll(async () => {
    for (const socket of open) socket.close();
    await node.stop();
  });

  it('[DCP-9.2-04] [DCP-9.2-05] a DM is one conversation, and each side sees it under the other’s address', async () => {
    const [here, there] = [await connect(alice, 0), await connect(bob, 1)];
    const [atBob, atAlice] = [`@${bob.userId}`, `@${alice.userId}`];
    const opened = ackOf(await here.command('create_channel', { channel: atBob }));
    expect(opened).toMatchObject({
      channel: atBob,
      changed: true,
      visibility: 'dm',
      encryption: 'e2ee',
      state_head: null,
      epoch: 0,
      head: 0,
    });
    const { channel_id: id } = opened;
    await there.find((frame) => frame.event === 'membership' && inChannel(id)(frame));
    expect(ackOf(await there.command('create_channel', { channel: atAlice }))).toMatchObject({
      channel: atAlice,
      channel_id: id,
      changed: false,
    });
    expect((await here.command('send_message', { ...sealedMessage(alice, id), channel: atBob })).event).toBe('ack');
    const { channel_id: _id, ...byAddress } = sealedMessage(bob, id);
    const wrong = await there.command('send_message', { ...byAddress, channel: atAlice });
    // The signature names the id, which the address stands for.
    expect(wrong.event).toBe('ack');
    for (const socket of [here, there]) await eventually(() => expect(heard(socket, id)).toHaveLength(2));
    expect(names(here, id)).toEqual(new Set([atBob]));
    expect(names(there, id)).toEqual(new Set([atAlice]));
    const inMessage = (socket: TestSocket) =>
      heard(socket, id).map(({ data }) => (data.message as { channel?: string }).channel);
    expect(inMessage(here)).toEqual([atBob, atBob]);
    expect(inMessage(there)).toEqual([atAlice, atAlice]);

    const page = (await there.command('get_history', { channel: atAlice })).data as unknown as {
      channel: string;
      messages: { channel: string }[];
    };
    expect(page.channel).toBe(atAlice);
    expect(page.messages.map(({ channel }) => channel)).toEqual([atAlice, atAlice]);
    const rest = await get(alice, `/api/v1/channels/${encodeURIComponent(atBob)}/messages`);
    expect(
      (rest.body as unknown as { messages: { channel: string }[] }).messages.map(({ channel }) => channel),
    ).toEqual([atBob, atBob]);
    expect(await channelsOf(bob)).toContainEqual(
      expect.objectContaining({ id: atAlice, channel_id: id, visibility: 'dm', encryption: 'e2ee' }),
    );
    expect((await get(alice, `/api/v1/channels/${id}`)).body).toMatchObject({ id: atBob, visibility: 'dm' });

    await there.command('typing', { channel: atAlice, typing: true });
    expect((await here.find((frame) => frame.event === 'typing' && inChannel(id)(frame))).data).toMatchObject({
      channel: atBob,
    });
    const again = await connect(alice, 1, ['dcp-v1', 'dcp.manual']);
    await again.command('resume', { channels: { [id]: 0 } });
    await eventually(() => expect(heard(again, id)).toHaveLength(2));
    expect(names(again, id)).toEqual(new Set([atBob]));
    const left = await there.command('leave_channel', { channel: atAlice });
    expect(left.error).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'dm' } });
  });

  it('[DCP-9.2-04] a third user finds no DM, by whatever name or command', async () => {
    const here = await connect(alice);
    const { channel_id: id } = ackOf(await here.command('create_channel', { channel: `@${bob.userId}` }));
    const third = await connect(eve, 1);
    for (const command of [
      'join_channel',
      'leave_channel',
      'subscribe',
      'unsubscribe',
      'get_history',
      'get_state',
      'typing',
    ]) {
      for (const channel of [id, NOWHERE]) {
        const { error } = await third.command(command, { channel, typing: true });
        expect([command, error.code, error.details]).toEqual([command, 'CHANNEL_NOT_FOUND', {}]);
      }
    }
    expect((await get(eve, `/api/v1/channels/${id}`)).body.error?.code).toBe('CHANNEL_NOT_FOUND');
    expect((await third.command('send_message', sealedMessage(eve, id))).error.code).toBe('CHANNEL_NOT_FOUND');
    const resumed = (await third.command('resume', { channels: { [id]: 0 } })).data as unknown as { refused: object };
    expect(resumed.refused).toEqual({ [id]: 'CHANNEL_NOT_FOUND' });
    expect(JSON.stringify(third.frames)).not.toContain(bob.userId);
  });

  it('[DCP-9.2-05] opens no DM with nobody, nor with somebody who wants none; with oneself it works', async () => {
    const shy = await makePerson(url(), 'shy', { privacy: { allow_direct_messages: false } });
    const socket = await connect(alice);
    const refused = async (channel: string) => (await socket.command('create_channel', { channel })).error;
    expect(await refused(`@${alice.account.nodeId}.nobody-here`)).toMatchObject({ code: 'USER_NOT_FOUND' });
    expect(await refused('@odd')).toMatchObject({ code: 'INVALID_CHANNEL_NAME' });
    const off = { code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'direct_messages_off' } };
    expect(await refused(`@${shy.userId}`)).toMatchObject(off);
    const members = [alice, shy].map(({ userId, identityKey }) => ({ user_id: userId, identity_key: identityKey }));
    const group = creation(alice, groupName(), { visibility: 'group', members });
    expect((await socket.command('create_channel', group)).error).toMatchObject(off);
    const theirs = await connect(shy, 1);
    expect(ackOf(await theirs.command('create_channel', { channel: `@${alice.userId}` })).changed).toBe(true);
    expect(ackOf(await socket.command('create_channel', { channel: `@${shy.userId}` })).changed).toBe(false);
    const self = ackOf(await socket.command('create_channel', { channel: `@${alice.userId}` }));
    expect(self.channel).toBe(`@${alice.userId}`);
    expect((await socket.command('send_message', sealedMessage(alice, self.channel_id))).event).toBe('ack');
    await eventually(() => expect(heard(socket, self.channel_id)).toHaveLength(1));
    expect(names(socket, self.channel_id)).toEqual(new Set([`@${alice.userId}`]));
  });

  it('[DCP-9.2-06] a group DM is there for all its members at once, on every gateway', async () => {
    const sockets = [await connect(alice, 0), await connect(bob, 1), await connect(eve, 1)] as const;
    const people = [alice, bob, eve];
    const name = groupName();
    const members = people.map(({ userId, identityKey }) => ({ user_id: userId, identity_key: identityKey }));
    const room = await SealedRoom.create(sockets[0], alice, name, { visibility: 'group', members });
    for (const socket of sockets)
      await socket.find((frame) => frame.event === 'membership' && inChannel(room.id)(frame));
    for (const [i, socket] of sockets.entries()) {
      expect(ackOf(await socket.command('subscribe', { channel: name })).channel_id).toBe(room.id);
      expect((await socket.command('send_message', sealedMessage(people[i] as TestPerson, room.id))).event).toBe('ack');
    }
    for (const socket of sockets)
      await eventually(() =>
        expect(
          heard(socket, room.id)
            .slice(-3)
            .every(({ data }) => data.seq > 1),
        ).toBe(true),
      );
    for (const socket of sockets) await eventually(() => expect(heard(socket, room.id).at(-1)?.data.seq).toBe(4));
    expect(JSON.stringify((await get(bob, '/api/v1/channels')).body)).not.toContain(room.id);
    const imposter = [members[0], { user_id: bob.userId, identity_key: eve.identityKey }] as typeof members;
    const forged = creation(alice, groupName(), { visibility: 'group', members: imposter });
    expect((await sockets[0].command('create_channel', forged)).error.details).toMatchObject({
      reason: 'other_identity_key',
    });
  });

  it('[DCP-9.2-02] a private channel: invited, in, and put out at once on every gateway', async () => {
    const [owner, guest, second] = [await connect(alice, 0), await connect(bob, 0), await connect(bob, 1)];
    const name = newName();
    const room = await SealedRoom.create(owner, alice, name);
    expect(JSON.stringify((await get(alice, '/api/v1/channels')).body)).not.toContain(room.id);
    expect((await guest.command('join_channel', { channel: name })).error.code).toBe('CHANNEL_NOT_FOUND');
    await room.invite(owner, alice, bob);
    for (const socket of [guest, second]) {
      const { data } = await socket.find((frame) => frame.event === 'invitation' && inChannel(room.id)(frame));
      expect(data).toEqual({ channel: name, channel_id: room.id, by: alice.userId, change: 'invited' });
    }
    expect((await get(bob, '/api/v1/accounts/me/invitations')).body).toEqual({
      invitations: [expect.objectContaining({ channel: name, channel_id: room.id, invited_by: alice.userId })],
    });
    expect((await get(bob, `/api/v1/channels/${room.id}`)).body).toMatchObject({ id: name, visibility: 'private' });
    expect((await get(eve, `/api/v1/channels/${room.id}`)).body.error?.code).toBe('CHANNEL_NOT_FOUND');
    const plain = await guest.command('join_channel', { channel: name });
    expect(plain.error).toMatchObject({
      code: 'INVALID_MESSAGE_FORMAT',
      details: { reason: 'signature_required', path: 'entry' },
    });
    const joining = room.entry(bob, 'user_joined', bob.userId, { identity_key: bob.identityKey });
    const joined = ackOf(await guest.command('join_channel', { channel: name, entry: joining }));
    expect(joined).toMatchObject({
      channel: name,
      channel_id: room.id,
      seq: 3,
      changed: true,
      visibility: 'private',
      epoch: 0,
      state_head: hashOfEntry(joining),
    });
    room.head = joined.state_head;
    await second.find((frame) => frame.event === 'membership' && inChannel(room.id)(frame));
    await second.command('subscribe', { channel: room.id });
    await owner.command('send_message', sealedMessage(alice, room.id));
    for (const socket of [guest, second])
      await eventually(() => expect(heard(socket, room.id).at(-1)?.data.seq).toBe(4));

    await room.change(owner, alice, 'kick_user', 'user_removed', bob.userId);
    expect(room.epoch).toBe(1);
    for (const socket of [guest, second]) {
      await socket.find(
        (frame) =>
          frame.event === 'membership' &&
          (frame.data as { change?: string }).change === 'left' &&
          inChannel(room.id)(frame),
      );
    }
    await owner.command('send_message', sealedMessage(alice, room.id, 1));
    await eventually(() => expect(heard(owner, room.id).at(-1)?.data.seq).toBe(6));
    expect((await guest.command('send_message', sealedMessage(bob, room.id, 1))).error.code).toBe('CHANNEL_NOT_FOUND');
    // The repetition of the old entry is answered, and lets nobody in.
    expect((await guest.command('join_channel', { channel: room.id, entry: joining })).error.code).toBe(
      'CHANNEL_NOT_FOUND',
    );
    await owner.command('send_message', sealedMessage(alice, room.id, 1));
    await eventually(() => expect(heard(owner, room.id).at(-1)?.data.seq).toBe(7));
    for (const socket of [guest, second]) {
      await socket.command('get_history', { channel: '#general' });
      expect(heard(socket, room.id).every(({ data }) => data.seq <= 5)).toBe(true);
    }
    const updates = heard(owner, room.id, 'channel_update').map(
      ({ data }) => data as unknown as { action: string; details: object },
    );
    expect(updates.map(({ action }) => action)).toEqual(['member_invited', 'member_joined', 'member_removed']);
    expect(updates.at(-1)?.details).toEqual({ user_id: bob.userId, by: alice.userId });
  });

  it('[DCP-9.2-03] an invite link shows the chain and lets in, until it is revoked; a ban stands above it', async () => {
    const [owner, guest] = [await connect(alice, 0), await connect(bob, 1)];
    const room = await SealedRoom.create(owner, alice, newName());
    const link = inviteLink();
    await room.change(owner, alice, 'invite_user', 'link_created', alice.userId, {
      key: link.key,
      expires: link.expires,
    });
    const shown = link.shown(room.id, bob);
    const state = (await guest.command('get_state', { channel: room.id, link: shown })).data as unknown as {
      channel: string;
      state_head: string;
      genesis: { creator: string };
      entries: { node: { seq: number }; channel_id: string; content: object }[];
    };
    expect(state).toMatchObject({
      channel: room.name,
      state_head: room.head,
      genesis: { creator: alice.userId },
      has_more: false,
    });
    expect(state.entries.map((entry) => [entry.node.seq, entry.channel_id])).toEqual(
      [1, 2].map((seq) => [seq, room.id]),
    );
    expect(hashOfEntry(state.entries[1] as never)).toBe(room.head);
    await room.join(guest, bob, shown);
    await room.change(owner, alice, 'ban_user', 'user_banned', bob.userId);
    const entry = room.entry(bob, 'user_joined', bob.userId, { identity_key: bob.identityKey, link: shown });
    expect((await guest.command('join_channel', { channel: room.id, entry })).error.details).toEqual({
      reason: 'banned',
    });
    await room.change(owner, alice, 'ban_user', 'user_unbanned', bob.userId);
    await room.change(owner, alice, 'change_state', 'link_revoked', alice.userId, { key: link.key });
    const late = room.entry(bob, 'user_joined', bob.userId, { identity_key: bob.identityKey, link: shown });
    expect((await guest.command('join_channel', { channel: room.id, entry: late })).error.code).toBe(
      'CHANNEL_NOT_FOUND',
    );
  });

  it('each command takes the entries that it is for, and nobody joins under another’s identity key', async () => {
    const [owner, guest] = [await connect(alice, 0), await connect(bob, 1)];
    const room = await SealedRoom.create(owner, alice, newName(), { visibility: 'public' });
    const removal = room.entry(alice, 'user_removed', bob.userId);
    for (const command of ['invite_user', 'ban_user', 'join_channel', 'leave_channel']) {
      const { error } = await owner.command(command, { channel: room.id, entry: removal });
      expect(error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'entry.content.action' } });
    }
    expect((await owner.command('change_state', { channel: room.id, entry: {} })).error.code).toBe(
      'INVALID_MESSAGE_FORMAT',
    );
    const asEve = room.entry(bob, 'user_joined', bob.userId, { identity_key: eve.identityKey });
    expect((await guest.command('join_channel', { channel: room.id, entry: asEve })).error.details).toMatchObject({
      reason: 'other_identity_key',
    });
    const wrong = room.entry(alice, 'user_invited', bob.userId, { identity_key: eve.identityKey });
    expect((await owner.command('invite_user', { channel: room.id, entry: wrong })).error.details).toMatchObject({
      reason: 'other_identity_key',
    });
    const nobody = room.entry(alice, 'user_invited', `${alice.account.nodeId}.nobody-here`, {
      identity_key: eve.identityKey,
    });
    expect((await owner.command('invite_user', { channel: room.id, entry: nobody })).error.code).toBe('USER_NOT_FOUND');
    // A certificate stands for the log when the account is gone: it has to be this device's.
    for (const certificate of [eve.device.entry, { ...bob.device.entry, name: 'changed' }]) {
      const entry = signedAgain(bob, {
        ...room.entry(bob, 'user_joined', bob.userId, { identity_key: bob.identityKey }),
        certificate,
      });
      expect((await guest.command('join_channel', { channel: room.id, entry })).error.details).toMatchObject({
        path: 'entry.certificate',
      });
    }
    const { token } = await login(url(), bob.account);
    const withIdentity = await TestSocket.open(url(), token);
    open.push(withIdentity);
    const joining = room.entry(bob, 'user_joined', bob.userId, { identity_key: bob.identityKey });
    const refusal = await withIdentity.command('join_channel', { channel: room.id, entry: joining });
    expect(refusal.error.details).toEqual({ reason: 'device_required' });
    await room.join(guest, bob);
    const stale = stateEntry(alice, room.id, null, 'settings_changed', room.name, { name: 'x' });
    const conflict = (await owner.command('change_state', { channel: room.id, entry: stale })).error;
    expect(conflict).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'stale_state', state_head: room.head, epoch: 0 },
    });
  });

  it('carries sealed messages only, of the epoch that is', async () => {
    const owner = await connect(alice);
    const room = await SealedRoom.create(owner, alice, newName());
    const send = async (message: object) => (await owner.command('send_message', message)).error;
    const plain = { channel: room.name, content: { text: 'in the open', format: 'plain' } };
    const required = {
      code: 'INVALID_MESSAGE_FORMAT',
      details: { reason: 'encryption_required', path: 'encryption.algorithm' },
    };
    expect(await send(plain)).toMatchObject(required);
    expect(await send(sealedMessage(alice, room.id, 1))).toMatchObject({ details: { reason: 'epoch' } });
    expect(await send(sealedMessage(alice, room.id, 0, { content: { text: 'open' } }))).toMatchObject({
      details: { path: 'content.ciphertext' },
    });
    const over = await call(url(1), `/api/v1/channels/${encodeURIComponent(room.name)}/messages`, {
      method: 'POST',
      token: alice.token,
      body: sealedMessage(alice, room.id),
    });
    expect(over.status).toBe(201);
  });

  it('private names mean something to their members only, public ones the same to all', async () => {
    const [one, two] = [await connect(alice, 0), await connect(eve, 0)];
    const name = newName();
    const [first, second] = [await SealedRoom.create(one, alice, name), await SealedRoom.create(two, eve, name)];
    const headOf = async (socket: TestSocket) => ackOf(await socket.command('subscribe', { channel: name })).channel_id;
    expect([await headOf(one), await headOf(two)]).toEqual([first.id, second.id]);
    const third = await connect(bob, 0);
    expect((await third.command('subscribe', { channel: name })).error.code).toBe('CHANNEL_NOT_FOUND');
    const open = ackOf(await third.command('create_channel', { channel: name, encryption: 'node' }));
    expect(open).toMatchObject({ channel: name, visibility: 'public', encryption: 'node' });
    expect((await one.command('create_channel', creation(alice, name))).error.code).toBe('CHANNEL_EXISTS');
  });

  it('joins and leaves an e2ee channel over REST too', async () => {
    const owner = await connect(alice);
    const room = await SealedRoom.create(owner, alice, newName(), { visibility: 'public' });
    const post = (path: string, body?: object) =>
      call(url(1), `/api/v1/channels/${room.id}/${path}`, {
        method: 'POST',
        token: bob.token,
        ...(body === undefined ? {} : { body }),
      });
    expect((await post('join')).body.error?.details).toEqual({ reason: 'signature_required', path: 'entry' });
    const joined = await post('join', {
      entry: room.entry(bob, 'user_joined', bob.userId, { identity_key: bob.identityKey }),
    });
    expect(joined.body).toMatchObject({ channel: room.name, changed: true, epoch: 0, visibility: 'public' });
    room.head = (joined.body as unknown as { state_head: string }).state_head;
    expect((await post('leave', { entry: room.entry(bob, 'user_left') })).body).toMatchObject({ changed: true });
    const made = await call(url(1), '/api/v1/channels', {
      method: 'POST',
      token: bob.token,
      body: creation(bob, newName()),
    });
    expect([made.status, made.body]).toMatchObject([201, { visibility: 'private', epoch: 0 }]);
  });
});
