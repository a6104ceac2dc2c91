import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { newMessageId } from '../stranger/actor.js';
import { Device } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import {
  createSealed,
  InviteLink,
  joinEntry,
  newGenesis,
  sealedPost,
  SealedRoom,
  stateEntry,
} from '../stranger/private-channel.js';
import { newSenderKey } from '../stranger/sealed-message.js';

/** An error without what is the request's own. */
function bare({ error }: Dict): Dict {
  const { timestamp: _t, request_id: _r, ...rest } = error as Dict;
  return rest;
}

conformance('§9.2 private channels', (node) => {
  it('[DCP-9.2-02] for a stranger a private channel is not there, by id or name, whatever he asks', async () => {
    const [alice, mallory] = [await Device.signUpDevice(node), await Device.signUpDevice(node)];
    const room = await createSealed(alice);
    await alice.rest.post(
      `/channels/${room.channel_id}/messages`,
      sealedPost(alice, room, newSenderKey(), { text: 'x' }),
    );
    const nothing = new SealedRoom('#nothing-of-that-name', `ch_${'a'.repeat(52)}`, room.head);
    const list = await mallory.rest.get('/channels');
    expect(list.text).not.toContain(room.channel_id);
    expect(list.text).not.toContain(room.channel);
    expect(await answersTo(mallory, room)).toEqual(await answersTo(mallory, nothing));
  });

  /** Every door that takes a channel, with what a stranger can put in; where nothing is, all are CHANNEL_NOT_FOUND. */
  async function answersTo(stranger: Device, room: SealedRoom): Promise<Record<string, unknown>> {
    const answers: Record<string, unknown> = {};
    const socket = await stranger.connect();
    for (const [kind, channel] of [
      ['id', room.channel_id],
      ['name', room.channel],
    ] as const) {
      for (const [command, data] of commandsOf(stranger, room, channel)) {
        const { error } = await socket.ask(command, data);
        answers[`${command} by ${kind}`] = bare({ error });
        expect({ command, kind, error }).toMatchObject({ error: { code: 'CHANNEL_NOT_FOUND' } });
      }
      const path = `/channels/${encodeURIComponent(channel)}`;
      for (const [method, door, body] of doorsOf(stranger, room)) {
        const answer = await stranger.rest.call(method, `${path}${door}`, body);
        expectRefused(answer, 'CHANNEL_NOT_FOUND');
        answers[`${method} ${door} by ${kind}`] = bare(answer.body);
      }
    }
    return JSON.parse(
      JSON.stringify(answers).replaceAll(room.channel_id, 'ID').replaceAll(room.channel, 'NAME'),
    ) as Dict;
  }

  function commandsOf(stranger: Device, room: SealedRoom, channel: string): [string, Dict][] {
    const entry = joinEntry(stranger, room);
    const forged = joinEntry(stranger, room, new InviteLink());
    const kick = stateEntry(stranger, room, 'user_removed', stranger.userId);
    return [
      ['join_channel', { channel }],
      ['join_channel', { channel, entry }],
      ['join_channel', { channel, entry: forged }],
      ['leave_channel', { channel }],
      ['leave_channel', { channel, entry: stateEntry(stranger, room, 'user_left', stranger.userId) }],
      ['get_state', { channel }],
      ['get_state', { channel, link: new InviteLink().proofFor(room, stranger) }],
      ['get_history', { channel }],
      ['get_history', { channel, before: newMessageId() }],
      ['subscribe', { channel }],
      ['unsubscribe', { channel }],
      ['typing', { channel, typing: true }],
      ['update_channel', { channel, name: 'mine' }],
      ['change_state', { channel, entry: kick }],
      ['kick_user', { channel, entry: kick }],
      ['send_message', { channel, content: { text: 'x', format: 'plain' } }],
      ['send_message', { ...sealedPost(stranger, room, newSenderKey(), { text: 'x' }), channel }],
    ];
  }

  function doorsOf(stranger: Device, room: SealedRoom): [string, string, unknown?][] {
    return [
      ['GET', ''],
      ['PATCH', '', { name: 'mine' }],
      ['GET', '/messages'],
      ['GET', '/members'],
      ['POST', '/messages', { content: { text: 'x', format: 'plain' } }],
      ['POST', '/messages', sealedPost(stranger, room, newSenderKey(), { text: 'x' })],
      ['POST', '/join'],
      ['POST', '/join', { entry: joinEntry(stranger, room) }],
      ['POST', '/leave'],
    ];
  }

  it('[DCP-9.2-02] a stranger may make channels of the same name, private and public: no 2005 betrays it', async () => {
    const [alice, mallory] = [await Device.signUpDevice(node), await Device.signUpDevice(node)];
    const room = await createSealed(alice);
    const twin = await createSealed(mallory, { name: room.channel });
    expect(twin.channel_id).not.toBe(room.channel_id);
    await mallory.createChannel(room.channel);
    const { status, body } = await alice.rest.get(`/channels/${room.channel_id}`);
    expect({ status, body }).toMatchObject({ status: 200, body: { channel_id: room.channel_id } });
  });

  it('[DCP-9.2-02] a resume that names the channel replays nothing to a stranger', async () => {
    const [alice, mallory] = [await Device.signUpDevice(node), await Device.signUpDevice(node)];
    const room = await createSealed(alice);
    const socket = await mallory.connect();
    const nowhere = `ch_${'b'.repeat(52)}`;
    const { refused } = await socket.ack('resume', { channels: { [room.channel_id]: 0, [nowhere]: 0 } });
    const reasons = refused as Dict;
    expect(reasons[room.channel_id]).toBeDefined();
    expect(reasons[room.channel_id]).toEqual(reasons[nowhere]);
    const message = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    await alice.rest.post(`/channels/${room.channel_id}/messages`, message);
    await socket.ask('are_you_there');
    expect(JSON.stringify(socket.heard)).not.toContain(message['id']);
  });

  it('what is not public is end-to-end encrypted, and begins with its creator’s entry', async () => {
    const alice = await Device.signUpDevice(node);
    const open = await newGenesis(alice, { encryption: 'node' });
    expectRefused(await alice.rest.post('/channels', { ...open.wish, encryption: 'node' }), 'INVALID_MESSAGE_FORMAT');
    const { wish, entry } = await newGenesis(alice);
    const { entry: _none, ...without } = wish;
    const bob = await Device.signUpDevice(node);
    const bad: Record<string, Dict> = {
      'no entry': without,
      'a foreign signature': { ...wish, signature: bob.key.signObject('GENESIS', wish['genesis'] as Dict) },
      'another TYPE': { ...wish, signature: alice.key.signObject('IDENTITY', wish['genesis'] as Dict) },
      'an entry that somebody else signed': { ...wish, entry: { ...entry, signature: bob.key.signMessage(entry) } },
      'an entry that is not the first': {
        ...wish,
        entry: alice.sign({ ...entry, prev_state: `sha256:${'0'.repeat(64)}` }),
      },
      'an entry of another channel': { ...wish, entry: (await newGenesis(alice)).entry },
      'another name beside it': { ...wish, channel: `#s-${randomName(10)}` },
      'another mode beside it': { ...wish, encryption: 'node' },
      'another creator': (await newGenesis(alice, { creator: bob.userId })).wish,
      'another creator’s key': (await newGenesis(alice, { creator_key: bob.key.publicKey })).wish,
      'another home': (await newGenesis(alice, { home_node: 'zzzzzzzz' })).wish,
      'an unknown visibility': (await newGenesis(alice, { visibility: 'dm' })).wish,
      'no randomness': (await newGenesis(alice, { random: 'AAAA' })).wish,
      'a reserved name': (await newGenesis(alice, { name: '#sys/x' })).wish,
      'another version': (await newGenesis(alice, { version: '2.0' })).wish,
    };
    for (const [what, body] of Object.entries(bad)) {
      const { status } = await alice.rest.post('/channels', body);
      expect({ what, refused: status >= 400 && status < 500 }).toEqual({ what, refused: true });
    }
    expect((await bob.rest.post('/channels', wish)).status).toBeGreaterThanOrEqual(400);
    expect(await alice.rest.post('/channels', wish)).toMatchObject({ status: 201 });
  });
});
