import { describe, expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor, type Room } from '../stranger/actor.js';
import { example } from '../stranger/examples.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';

const HOSTILE: unknown[] = [undefined, null, 5, true, [], {}, { $ne: null }, ''];

conformance('§7.3 commands', (node) => {
  it('[DCP-7.3-01] send_message as printed reaches the other members with its reply link', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const [hers, his] = [await alice.connect(), await bob.connect()];
    for (const socket of [hers, his]) await socket.ack('join_channel', { channel: '#general' });
    const printed = example('7.3', 'send message');
    const ack = await hers.ack('send_message', printed['data']);
    expect(ack).toMatchObject({ message_id: expect.any(String), seq: expect.any(Number), state: 'ordered' });
    const { message, channel } = await his.message(String(ack['message_id']));
    expect(channel).toBe('#general');
    expect(message).toMatchObject({
      author: alice.userId,
      content: { text: 'Hello, world!', format: 'plain' },
      metadata: { reply_to: 'msg_12345' },
    });
  });

  it('[DCP-7.3-02] join_channel as printed, also of a sub-channel; then its messages arrive', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    await subChannel(alice);
    const his = await bob.connect();
    const joined = await his.ack('join_channel', example('7.3', 'join channel')['data']);
    expect(joined).toMatchObject({
      channel: '#development/rust-help',
      channel_id: expect.stringMatching(/^ch_/),
      changed: true,
    });
    const again = await his.ack('join_channel', { channel: joined['channel_id'] });
    expect(again).toMatchObject({ changed: false, channel_id: joined['channel_id'] });
    const carol = await Actor.register(node);
    await carol.join(joined as unknown as Room);
    const message = carol.message(joined as unknown as Room);
    await carol.rest.post('/channels/%23development%2Frust-help/messages', message);
    await his.message(String(message['id']));
  });

  /** The sub-channel of the example; on a node that runs for long it exists already. */
  async function subChannel(alice: Actor): Promise<void> {
    const wish = { channel: '#development/rust-help', encryption: 'node' };
    const { status } = await alice.rest.post('/channels', wish);
    expect([201, 409]).toContain(status);
  }

  it('[DCP-7.3-02] [DCP-14.2-08] an unknown channel is 2002', async () => {
    const alice = await Actor.register(node);
    const socket = await alice.connect();
    const nope = { channel: `#nope-${randomName(8)}` };
    for (const command of [
      'join_channel',
      'leave_channel',
      'subscribe',
      'unsubscribe',
      'get_history',
      'update_channel',
    ]) {
      await socket.refused(command, nope, 'CHANNEL_NOT_FOUND');
    }
    await socket.refused('typing', { ...nope, typing: true }, 'CHANNEL_NOT_FOUND');
    await socket.refused('send_message', { ...nope, content: { text: 'x', format: 'plain' } }, 'CHANNEL_NOT_FOUND');
    await socket.refused('join_channel', { channel: `ch_${'a'.repeat(52)}` }, 'CHANNEL_NOT_FOUND');
  });

  it('[DCP-14.2-10] a channel of a node that nobody knows is 3000', async () => {
    const socket = await (await Actor.register(node)).connect();
    await socket.refused('join_channel', { channel: '#general@zzzzzzzz' }, 'NODE_UNREACHABLE');
  });

  it('[DCP-7.3-03] update_status as printed', async () => {
    const socket = await (await Actor.register(node)).connect();
    expect(await socket.ack('update_status', example('7.3', 'update status')['data'])).toMatchObject({
      status: 'away',
    });
  });

  it('[DCP-9.2-01] [DCP-6.4-05] a stranger to a channel reads, subscribes to and types nothing there: 1002', async () => {
    const [alice, stranger] = [await Actor.register(node), await Actor.register(node)];
    const { channel } = await alice.createChannel();
    const socket = await stranger.connect();
    for (const command of ['get_history', 'subscribe', 'update_channel']) {
      await socket.refused(command, { channel, name: 'mine' }, 'INSUFFICIENT_PERMISSIONS');
    }
    await socket.refused('typing', { channel, typing: true }, 'INSUFFICIENT_PERMISSIONS');
  });

  it('[DCP-14.2-04] only the owner changes a channel’s settings', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    const head = await alice.head(room);
    const his = await bob.connect();
    await his.refused('update_channel', { channel: room.channel, name: 'mine' }, 'INSUFFICIENT_PERMISSIONS');
    expect(await alice.head(room)).toBe(head);
    const hers = await alice.connect();
    expect(await hers.ack('update_channel', { channel: room.channel, name: 'Ours' })).toMatchObject({ changed: true });
    expect(await hers.ack('update_channel', { channel: room.channel, name: 'Ours' })).toMatchObject({ changed: false });
  });

  it('get_history pages backwards by message and forwards by number', async () => {
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    const socket = await alice.connect();
    const ids = [];
    for (let i = 0; i < 12; i++) ids.push((await socket.ack('send_message', alice.message(room)))['message_id']);
    const get = (more: Dict) => socket.ack<Page>('get_history', { channel: room.channel, limit: 5, ...more });
    const newest = await get({});
    expect(newest.messages.map(({ id }) => id)).toEqual(ids.slice(7));
    expect(newest).toMatchObject({ has_more: true, next_cursor: ids[7] });
    expect((await get({ before: newest.next_cursor })).messages.map(({ id }) => id)).toEqual(ids.slice(2, 7));
    const forwards = await get({ after: 1 });
    expect(forwards).toMatchObject({ first_seq: 2, last_seq: 6, has_more: true });
    expect(forwards.messages.map(({ id }) => id)).toEqual(ids.slice(0, 5));
    await socket.refused('get_history', { channel: room.channel, before: 'msg_nowhere' }, 'MESSAGE_NOT_FOUND');
  });

  describe('bad data', () => {
    const cases: Record<string, [Dict, ...string[]]> = {
      send_message: [{ content: { text: 'x', format: 'plain' } }, 'content', 'content.text', 'content.format'],
      join_channel: [{}, 'channel'],
      leave_channel: [{}, 'channel'],
      subscribe: [{}, 'channel'],
      unsubscribe: [{}, 'channel'],
      get_history: [{}, 'channel'],
      update_channel: [{}, 'channel'],
      create_channel: [{ encryption: 'node' }, 'channel'],
      typing: [{ typing: true }, 'channel', 'typing'],
      update_status: [{ status: 'away' }, 'status'],
      resume: [{ channels: {} }, 'channels'],
    };

    for (const [command, [good, ...paths]] of Object.entries(cases)) {
      it(`[DCP-6.4-03] [DCP-14.2-06] ${command}: missing and mistyped members are 2000 and change nothing`, async () => {
        const alice = await Actor.register(node);
        const room = await alice.createChannel();
        const head = await alice.head(room);
        const socket = await alice.connect();
        for (const path of paths) {
          for (const value of HOSTILE) {
            const data = withMember({ ...good, channel: room.channel }, path, value);
            // An empty text and an empty map of channels are fine.
            if (isFine(path, value)) continue;
            const answer = await socket.ask(command, data);
            expect({ path, value, code: answer.error?.code }).toEqual({ path, value, code: 'INVALID_MESSAGE_FORMAT' });
          }
        }
        expect(await alice.head(room)).toBe(head);
      });
    }

    it('optional members are checked as well', async () => {
      const alice = await Actor.register(node);
      const room = await alice.createChannel();
      const head = await alice.head(room);
      const { channel } = room;
      const socket = await alice.connect();
      const bad: [string, Dict][] = [
        ['send_message', { channel, content: { text: 'x', format: 'plain' }, reply_to: 'previous' }],
        ['send_message', { channel, content: { text: 'x', format: 'plain' }, reply_to: 5 }],
        ['send_message', { channel, content: { text: 'x', format: 'plain' }, type: 'system' }],
        ['send_message', { channel, content: { text: 'x', format: 'plain' }, node: { seq: 1 } }],
        ['send_message', { channel: ['#general'], content: { text: 'x', format: 'plain' } }],
        ['get_history', { channel, limit: 0 }],
        ['get_history', { channel, limit: -5 }],
        ['get_history', { channel, limit: 'all' }],
        ['get_history', { channel, limit: 1.5 }],
        ['get_history', { channel, before: '1 OR 1=1' }],
        ['get_history', { channel, before: { id: 'x' } }],
        ['get_history', { channel, after: -1 }],
        ['get_history', { channel, after: 'x' }],
        ['update_status', { status: 'invisible' }],
        ['update_status', { status: 'away', message: 'x'.repeat(201) }],
        ['update_status', { status: 'away', message: 5 }],
        ['update_channel', { channel, name: 'x'.repeat(101) }],
        ['update_channel', { channel, description: 'x'.repeat(1_001) }],
        ['update_channel', { channel, name: ['x'] }],
        ['create_channel', { channel: `#c-${randomName(8)}`, encryption: 'rot13' }],
        ['create_channel', { channel: `#c-${randomName(8)}`, encryption: 'node', description: 7 }],
        ['create_channel', { channel: `#c-${randomName(8)}`, encryption: 'node', genesis: {} }],
        ['resume', { channels: { '#general': 1 } }],
        ['resume', { channels: { [room.channel_id]: -1 } }],
        ['resume', { channels: { [room.channel_id]: '1' } }],
        ['resume', { channels: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`ch_${base32(i)}`, 0])) }],
        ['typing', { channel, typing: 'yes' }],
      ];
      for (const [command, data] of bad) {
        const answer = await socket.ask(command, data);
        expect({ command, data, code: answer.error?.code }).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
      }
      expect(await alice.head(room)).toBe(head);
    });

    it('names that break §9.1 are 2006 wherever a channel is meant', async () => {
      const socket = await (await Actor.register(node)).connect();
      for (const channel of ['#General', '#a b', '#../../etc', "#a';--", '#a/b/c/d/e/f', '#', '#a@b@c', '#a\u0001']) {
        await socket.refused('join_channel', { channel }, 'INVALID_CHANNEL_NAME');
        await socket.refused('get_history', { channel }, 'INVALID_CHANNEL_NAME');
      }
      await socket.refused('join_channel', { channel: '#'.padEnd(121, 'a') }, 'INVALID_MESSAGE_FORMAT');
    });
  });
});

type Page = Dict & { messages: { id: string }[]; next_cursor: string };

function withMember(data: Dict, path: string, value: unknown): Dict {
  const [first = '', second] = path.split('.');
  if (second === undefined) return { ...data, [first]: value };
  return { ...data, [first]: { ...(data[first] as Dict), [second]: value } };
}

function isFine(path: string, value: unknown): boolean {
  const isEmptyMap =
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
  return (
    (path === 'content.text' && value === '') ||
    (path === 'channels' && isEmptyMap) ||
    (path === 'typing' && value === true)
  );
}

function base32(n: number): string {
  return n.toString(2).replaceAll('0', 'a').replaceAll('1', 'b').padStart(52, 'a');
}
