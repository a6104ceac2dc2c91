import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { example, memberPaths } from '../stranger/examples.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';

conformance('§7.2 events', (node) => {
  async function pair(wish = {}) {
    const [alice, bob] = [await Actor.register(node, wish), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    return { alice, bob, room, his: await bob.connect() };
  }

  it('[DCP-7.2-01] a message is pushed in the printed shape, to the sender’s own sockets too', async () => {
    const { alice, room, his } = await pair();
    const [hers, laptop] = [await alice.connect(), await (await alice.again()).connect()];
    const message = alice.message(room);
    await hers.ack('send_message', message);
    for (const socket of [his, hers, laptop]) {
      const data = await socket.message(String(message['id']));
      for (const path of memberPaths(example('7.2', 'message received')['data'] as Dict))
        expect(data).toHaveProperty(path);
      expect(data).toMatchObject({ channel: room.channel, channel_id: room.channel_id, message: { ...message } });
    }
  });

  it('[DCP-12.3-06] messages reach every session of a user through the node, in the same order with gapless numbers', async () => {
    const { alice, bob, room } = await pair();
    const sockets = [];
    for (const url of node.running.urls) sockets.push(await alice.via(url).connect(), await bob.via(url).connect());
    await Promise.all(sockets.map((socket) => socket.ack('get_history', { channel: room.channel })));
    const [first, second] = sockets;
    for (let i = 0; i < 20; i++) {
      first?.send({ command: 'send_message', data: alice.message(room) });
      second?.send({ command: 'send_message', data: bob.message(room) });
    }
    const orders = [];
    for (const socket of sockets) {
      const order = [];
      for (let i = 0; i < 40; i++) order.push(await socket.event('message', { channel_id: room.channel_id }));
      const seqs = order.map((data) => Number(data['seq']));
      expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
      orders.push(order.map((data) => (data['message'] as Dict)['id']));
    }
    for (const order of orders) expect(order).toEqual(orders[0]);
  });

  it('[DCP-7.2-02] [DCP-7.3-03] others in the channel see online, away with its text, and offline after a lost connection', async () => {
    const { alice, room, his } = await pair();
    const printed = memberPaths(example('7.2', 'user status')['data'] as Dict);
    const status = (value: string) => his.event('user_status', { user_id: alice.userId, status: value });
    const socket = await alice.connect();
    const online = await status('online');
    for (const path of printed) expect(online).toHaveProperty(path);
    const update = example('7.3', 'update status')['data'] as Dict;
    await socket.ack('update_status', update);
    expect(await status('away')).toMatchObject({ message: 'In a meeting' });
    const { body } = await (await Actor.register(node)).rest.get(`/users/${alice.userId}`);
    expect(body).not.toHaveProperty('status');
    socket.raw.break();
    await status('offline');
    const order = his.heard.filter(({ event, data }) => event === 'user_status' && data['user_id'] === alice.userId);
    expect(order.map(({ data }) => data['status'])).toEqual(['online', 'away', 'offline']);
    expect(room.channel).toMatch(/^#/);
  });

  it('[DCP-4.1-06] who hides his presence is not shown, by event or over REST', async () => {
    const { alice, bob, room, his } = await pair({ preferences: { privacy: { show_online_status: false } } });
    const socket = await alice.connect();
    await socket.ack('update_status', { status: 'away', message: 'secret' });
    const end = alice.message(room);
    await socket.ack('send_message', end);
    await his.message(String(end['id']));
    expect(his.heard.filter(({ event, data }) => event === 'user_status' && data['user_id'] === alice.userId)).toEqual(
      [],
    );
    const { body } = await bob.rest.get(`/users/${alice.userId}`);
    expect(body).not.toHaveProperty('status');
    expect(body).not.toHaveProperty('last_seen');
  });

  it('[DCP-7.2-03] typing reaches the others in the channel, not its sender and nobody outside', async () => {
    const { alice, room, his } = await pair();
    const hers = await alice.connect();
    const outside = await (await Actor.register(node)).connect();
    for (const typing of [true, false]) await hers.ack('typing', { channel: room.channel, typing });
    const printed = memberPaths(example('7.2', 'typing indicator')['data'] as Dict);
    for (const typing of [true, false]) {
      const data = await his.event('typing', { user_id: alice.userId, typing });
      for (const path of printed) expect(data).toHaveProperty(path);
      expect(data).toMatchObject({ channel: room.channel });
    }
    await hers.ack('update_status', { status: 'online' });
    await outside.ack('update_status', { status: 'online' });
    for (const socket of [hers, outside]) expect(socket.heard.map(({ event }) => event)).not.toContain('typing');
    await outside.refused('typing', { channel: room.channel, typing: true }, 'INSUFFICIENT_PERMISSIONS');
  });

  it('[DCP-7.2-04] joining, leaving and new settings are channel updates for all members', async () => {
    const { alice, room, his } = await pair();
    const hers = await alice.connect();
    const carol = await Actor.register(node);
    await carol.join(room);
    await carol.rest.post(`/channels/${room.channel_id}/leave`);
    await hers.ack('update_channel', { channel: room.channel, description: 'new topic' });
    const printed = memberPaths(example('7.2', 'channel update')['data'] as Dict);
    for (const socket of [his, hers]) {
      for (const action of ['member_joined', 'member_left', 'settings_changed']) {
        const data = await socket.event('channel_update', { channel: room.channel, action });
        for (const path of printed) expect(data).toHaveProperty(path);
      }
    }
  });

  it('[DCP-4.1-07] what a blocked user writes is not shown: not live, not in history, not over REST', async () => {
    const [alice, room] = await owner();
    const bob = await Actor.register(node, { preferences: { blocked_users: [alice.userId] } });
    await bob.join(room);
    const [hers, his] = [await alice.connect(), await bob.connect()];
    const text = `blocked ${randomName(10)}`;
    await hers.ack('send_message', alice.message(room, { content: { text, format: 'plain' } }));
    await hers.ack('typing', { channel: room.channel, typing: true });
    await his.event('message_hidden', { channel_id: room.channel_id });
    const page = await his.ack('get_history', { channel: room.channel });
    const rest = await bob.rest.get(`/channels/${room.channel_id}/messages`);
    expect(JSON.stringify([his.heard, page, rest.body])).not.toContain(text);
    expect(his.heard.map(({ event }) => event)).not.toContain('typing');
  });

  async function owner() {
    const alice = await Actor.register(node);
    return [alice, await alice.createChannel()] as const;
  }

  it('[DCP-12.3-06] after a lost connection `resume` replays what was missed, once and in order, then goes on live', async () => {
    const { alice, bob, room, his } = await pair();
    const hers = await alice.connect();
    const before = await hers.ack('send_message', alice.message(room));
    await his.message(String(before['message_id']));
    his.raw.break();
    const missed = [];
    for (let i = 0; i < 30; i++) missed.push((await hers.ack('send_message', alice.message(room)))['message_id']);
    const again = await bob.connect({ protocols: ['dcp-v1', 'dcp.manual'] });
    again.send({ command: 'resume', id: 'r', data: { channels: { [room.channel_id]: before['seq'] } } });
    const live = await hers.ack('send_message', alice.message(room));
    const answer = await again.answer('r');
    expect(answer).toMatchObject({ event: 'ack', data: { refused: {} } });
    const heard = [];
    for (let i = 0; i < 31; i++) heard.push((await again.event('message'))['message'] as Dict);
    expect(heard.map(({ id }) => id)).toEqual([...missed, live['message_id']]);
  });

  it('`resume` names channels that one is not in, and a gap that is too long', async () => {
    const { alice, bob, room } = await pair();
    const closed = await alice.createChannel();
    const unknown = `ch_${'a'.repeat(52)}`;
    const socket = await bob.connect({ protocols: ['dcp-v1', 'dcp.manual'] });
    const channels = { [closed.channel_id]: 0, [unknown]: 0, [room.channel_id]: 0 };
    const answer = await socket.ack('resume', { channels });
    expect(answer).toMatchObject({
      refused: { [closed.channel_id]: 'INSUFFICIENT_PERMISSIONS', [unknown]: 'CHANNEL_NOT_FOUND' },
      channels: { [room.channel_id]: expect.any(Number) },
    });
    await socket.event('message', { channel_id: room.channel_id });
  });

  it('a socket that subscribes by hand hears what it asked for and nothing else', async () => {
    const { alice, bob, room } = await pair();
    const other = await alice.createChannel();
    await bob.join(other);
    const [hers, his] = [await alice.connect(), await bob.connect({ protocols: ['dcp-v1', 'dcp.manual'] })];
    const { head } = await his.ack('subscribe', { channel: room.channel });
    expect(head).toBe(await alice.head(room));
    await hers.ack('send_message', alice.message(other));
    const wanted = alice.message(room);
    await hers.ack('send_message', wanted);
    await his.message(String(wanted['id']));
    await his.ack('unsubscribe', { channel: room.channel });
    await hers.ack('send_message', alice.message(room));
    await his.ack('subscribe', { channel: other.channel });
    const last = alice.message(other);
    await hers.ack('send_message', last);
    await his.message(String(last['id']));
    const heard = his.heard
      .filter(({ event }) => event === 'message')
      .map(({ data }) => (data['message'] as Dict)['id']);
    expect(heard).toEqual([wanted['id'], last['id']]);
  });
});
