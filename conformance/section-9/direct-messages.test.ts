import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { Device } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import type { Dict } from '../stranger/json.js';
import {
  act,
  checkChain,
  dmIdOf,
  groupName,
  identityDetail,
  joinEntry,
  newGenesis,
  postJoin,
  sealedPost,
  SealedRoom,
  stateEntry,
} from '../stranger/private-channel.js';
import { newSenderKey, openFrom } from '../stranger/sealed-message.js';

conformance('§9.2 direct messages', (node) => {
  async function open(opener: Device, other: Actor): Promise<SealedRoom> {
    const { status, body } = await opener.rest.post('/channels', { channel: `@${other.userId}` });
    const channel_id = dmIdOf(opener.userId, other.userId);
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { channel: `@${other.userId}`, channel_id, epoch: 0 },
    });
    return new SealedRoom(`@${other.userId}`, channel_id, undefined);
  }

  async function three(): Promise<[Device, Device, Device]> {
    return [await Device.signUpDevice(node), await Device.signUpDevice(node), await Device.signUpDevice(node)];
  }

  it('[DCP-9.2-05] @ and the other’s id is one conversation, from both sides, each with the other’s name', async () => {
    const [alice, bob] = await three();
    const [hers, his] = [await alice.connect(), await bob.connect()];
    const room = await open(alice, bob);
    expect((await open(bob, alice)).channel_id).toBe(room.channel_id);
    const again = await his.ack('create_channel', { channel: `@${alice.userId}` });
    expect(again).toMatchObject({ channel: `@${alice.userId}`, channel_id: room.channel_id, changed: false });
    await hers.ack('subscribe', { channel: `@${bob.userId}` });
    const key = newSenderKey();
    const messages = [];
    for (const author of [alice, bob]) messages.push(sealedPost(author, room, key, { text: 'hello', format: 'plain' }));
    const [one = {}, two = {}] = messages;
    await hers.ack('send_message', { ...one, channel: `@${bob.userId}` });
    await his.ack('send_message', { ...two, channel: `@${alice.userId}` });
    for (const [socket, name] of [
      [hers, `@${bob.userId}`],
      [his, `@${alice.userId}`],
    ] as const) {
      for (const message of messages) {
        const got = await socket.message(String(message['id']));
        expect(got.message).toMatchObject({ channel: name, channel_id: room.channel_id });
        expect(openFrom(got.message, key.chain)).toMatchObject({ text: 'hello' });
      }
    }
  });

  it('[DCP-9.2-05] when both open it at the same moment it is still one', async () => {
    const [alice, bob] = await three();
    const racers = [alice, bob, alice, bob].flatMap((one) => node.running.urls.map((url) => one.via(url)));
    const answers = await Promise.all(
      racers.map(({ rest, userId }) => {
        const other = userId === alice.userId ? bob : alice;
        return rest.post('/channels', { channel: `@${other.userId}` });
      }),
    );
    for (const { status, body } of answers) {
      expect({ status, id: body['channel_id'] }).toEqual({ status: 201, id: dmIdOf(alice.userId, bob.userId) });
    }
    expect(answers.filter(({ body }) => body['changed'] === true)).toHaveLength(1);
  });

  it('[DCP-9.2-04] the same calls as in any channel: history, posts over REST, one’s list, members, typing', async () => {
    const [alice, bob] = await three();
    const room = await open(alice, bob);
    const his = await bob.connect();
    const message = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    const path = `/channels/${encodeURIComponent(`@${bob.userId}`)}`;
    const answer = await alice.rest.post(`${path}/messages`, message);
    expect(answer).toMatchObject({ status: 201, body: { seq: 1 } });
    for (const [reader, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const door = `/channels/${encodeURIComponent(`@${other.userId}`)}`;
      const page = await reader.rest.get<{ messages: Dict[] }>(`${door}/messages`);
      expect(page.body.messages).toMatchObject([{ id: message['id'], channel: `@${other.userId}` }]);
      const socket = await reader.connect();
      const { messages } = await socket.ack('get_history', { channel: `@${other.userId}` });
      expect(messages).toMatchObject([{ id: message['id'] }]);
      const members = await reader.rest.get(`${door}/members`);
      for (const one of [alice, bob]) expect(members.text).toContain(one.userId);
      const { body } = await reader.rest.get<{ channels: Dict[] }>('/accounts/me/channels');
      expect(body.channels).toContainEqual(
        expect.objectContaining({ id: `@${other.userId}`, channel_id: room.channel_id }),
      );
    }
    const hers = await alice.connect();
    await hers.ack('typing', { channel: `@${bob.userId}`, typing: true });
    expect(await his.event('typing', { user_id: alice.userId })).toMatchObject({ channel: `@${alice.userId}` });
  });

  it('[DCP-9.2-04] a third user sees nothing of it, by its id or by a name', async () => {
    const [alice, bob, mallory] = await three();
    const room = await open(alice, bob);
    const socket = await mallory.connect();
    const message = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    await alice.rest.post(`/channels/${room.channel_id}/messages`, message);
    for (const channel of [room.channel_id, `@${bob.userId}`, `@${alice.userId}`]) {
      for (const command of ['get_history', 'subscribe', 'join_channel', 'leave_channel', 'get_state']) {
        await socket.refused(command, { channel }, 'CHANNEL_NOT_FOUND');
      }
      await socket.refused('typing', { channel, typing: true }, 'CHANNEL_NOT_FOUND');
      const path = `/channels/${encodeURIComponent(channel)}`;
      for (const door of ['', '/messages', '/members']) {
        expectRefused(await mallory.rest.get(`${path}${door}`), 'CHANNEL_NOT_FOUND');
      }
      expectRefused(
        await mallory.rest.post(`${path}/messages`, sealedPost(mallory, room, newSenderKey(), {})),
        'CHANNEL_NOT_FOUND',
      );
    }
    for (const path of ['/channels', '/accounts/me/channels', '/accounts/me/invitations']) {
      expect((await mallory.rest.get(path)).text).not.toContain(room.channel_id);
    }
    expect(JSON.stringify(socket.heard)).not.toContain(message['id']);
  });

  it('[DCP-9.2-04] nobody comes, nobody goes, and nothing is readable by the node', async () => {
    const [alice, bob, carol] = await three();
    const room = await open(alice, bob);
    const hers = await alice.connect();
    const { channel_id } = room;
    for (const [action, target, details] of [
      ['user_invited', carol.userId, identityDetail(carol)],
      ['user_removed', bob.userId, {}],
      ['user_left', alice.userId, {}],
      ['channel_created', alice.userId, identityDetail(alice)],
    ] as const) {
      const entry = stateEntry(alice, room, action, target, details);
      expect(await hers.ask('change_state', { channel: channel_id, entry })).toMatchObject({ event: 'error' });
    }
    expectRefused(await postJoin(carol, room, joinEntry(carol, room)), 'CHANNEL_NOT_FOUND');
    const plain = { channel: channel_id, content: { text: 'x', format: 'plain' } };
    await hers.refused('send_message', plain, 'INVALID_MESSAGE_FORMAT');
    const later = new SealedRoom(room.channel, channel_id, undefined, 1);
    const ahead = { ...sealedPost(alice, later, newSenderKey(), { text: 'x' }), channel: channel_id };
    await hers.refused('send_message', ahead, 'INVALID_MESSAGE_FORMAT');
    expect(await alice.head(room)).toBe(0);
  });

  it('[DCP-9.2-05] there is no conversation with nobody, nor one that is begun with who wants none', async () => {
    const [alice] = await three();
    const preferences = { privacy: { allow_direct_messages: false } };
    const shy = await Device.signUpDevice(node, { preferences });
    const hers = await alice.connect();
    for (const other of [`${alice.userId.split('.')[0]}.nobody-there`, 'nobody', '']) {
      expect(await hers.ask('create_channel', { channel: `@${other}` })).toMatchObject({ event: 'error' });
    }
    await hers.refused('create_channel', { channel: `@${shy.userId}` }, 'INSUFFICIENT_PERMISSIONS');
    await open(shy, alice);
    await open(alice, shy);
  });

  it('[DCP-9.2-06] a group is made by listing its members: all of them are in it, nobody else is', async () => {
    const [alice, bob, carol] = await three();
    const mallory = await Device.signUpDevice(node);
    const [his, hers] = [await bob.connect(), await carol.connect()];
    const { room, wish } = await group(alice, [alice, bob, carol]);
    expect(await alice.rest.post('/channels', wish)).toMatchObject({ status: 201, body: { channel: room.channel } });
    for (const socket of [his, hers])
      await socket.event('membership', { channel_id: room.channel_id, change: 'joined' });
    const message = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    expect(await alice.rest.post(`/channels/${room.channel_id}/messages`, message)).toMatchObject({ status: 201 });
    for (const socket of [his, hers]) await socket.message(String(message['id']));
    const page = await bob.rest.get(`/channels/${encodeURIComponent(room.channel)}/messages`);
    expect(page.text).toContain(message['id']);
    const chain = await his.ack('get_state', { channel: room.channel_id });
    expect(chain['genesis']).toEqual(wish['genesis']);
    checkChain(chain['genesis'], room.channel_id, chain['entries'] as Dict[]);
    const socket = await mallory.connect();
    for (const channel of [room.channel, room.channel_id]) {
      await socket.refused('get_history', { channel }, 'CHANNEL_NOT_FOUND');
      await socket.refused('get_state', { channel }, 'CHANNEL_NOT_FOUND');
    }
    expectRefused(await postJoin(mallory, room, joinEntry(mallory, room)), 'CHANNEL_NOT_FOUND');
  });

  it('[DCP-9.2-06] members of a group leave and invite, as in a private channel', async () => {
    const [alice, bob, carol] = await three();
    const { room, wish } = await group(alice, [alice, bob]);
    await alice.rest.post('/channels', wish);
    await act(bob, room, 'user_invited', carol.userId, identityDetail(carol));
    expect((await postJoin(carol, room, joinEntry(carol, room))).status).toBe(200);
    const chain = await (await alice.connect()).ack('get_state', { channel: room.channel_id });
    room.head = String(chain['state_head']);
    await act(bob, room, 'user_left', bob.userId);
    expect(room.epoch).toBe(1);
    await (await bob.connect()).refused('get_history', { channel: room.channel_id }, 'CHANNEL_NOT_FOUND');
  });

  it('[DCP-9.2-06] a group without its creator, of one, under a foreign key or another name is not made', async () => {
    const [alice, bob, carol] = await three();
    const shy = await Device.signUpDevice(node, { preferences: { privacy: { allow_direct_messages: false } } });
    const bad = [
      await group(alice, [bob, carol]),
      await group(alice, [alice]),
      await group(alice, [alice, shy]),
      await group(alice, [alice, bob], { name: '#not-a-dm-name' }),
      await group(alice, [alice, bob], { name: '#dm/short' }),
      await group(alice, [alice, bob], { members: [memberOf(alice), { ...memberOf(bob), ...identityDetail(carol) }] }),
      await group(alice, [alice, bob], { members: [memberOf(alice), memberOf(bob), memberOf(bob)] }),
      await group(alice, [alice, bob], { visibility: 'private' }),
    ];
    for (const { wish } of bad) expect((await alice.rest.post('/channels', wish)).status).toBeGreaterThanOrEqual(400);
    const { wish } = await group(alice, [alice, bob]);
    expect((await alice.rest.post('/channels', wish)).status).toBe(201);
  });

  function memberOf(person: Device): Dict {
    return { user_id: person.userId, ...identityDetail(person) };
  }

  async function group(creator: Device, people: Device[], more: Dict = {}): Promise<{ room: SealedRoom; wish: Dict }> {
    const members = people.map(memberOf);
    const made = await newGenesis(creator, { name: groupName(), visibility: 'group', members, ...more });
    return { room: made.room, wish: made.wish };
  }
});
