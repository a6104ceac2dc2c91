import { setTimeout as delay } from 'node:timers/promises';
import { KEYS, PEER } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import { captureLogger, eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { headAfter } from '../src/feed/running-head.js';
import { BadPeer } from './support/bad-peer.js';
import { channelId, HomeChannels, Replicas } from './support/channels.js';
import { type Instance, TestNode } from './support/node.js';

const GUARD_MS = 20_000;
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at);

describe('entries of a home on their way to other nodes', () => {
  let home: TestNode;
  let reader: TestNode;
  let channels: HomeChannels;
  let replicas: Replicas;
  let atHome: Instance;
  let atReader: Instance;
  const room = channelId('room');

  beforeEach(async () => {
    [home, reader] = [await TestNode.open('127.0.0.1'), await TestNode.open('127.0.0.2')];
    [channels, replicas] = [new HomeChannels(home), new Replicas(reader)];
    home.answers('user_lookup', () => ({}));
    [atHome, atReader] = [await home.start(), await reader.start()];
    await reader.ask(home.nodeId, 'user_lookup', { user_id: 'x' }, { via: home.place(atHome) });
  });
  afterEach(async () => {
    await home.close();
    await reader.close();
  });

  const arrives = (seqs: number[], channel = room) =>
    eventually(() => expect(replicas.seqs(channel)).toEqual(seqs), GUARD_MS);

  it('come from the entry that brought the first member, in order, each once, signed by the home', async () => {
    channels.post(room, 5);
    channels.join(room, reader.nodeId);
    channels.post(room, 500);
    await arrives(upTo(506, 6));
    expect(replicas.bodies(room)).toEqual(
      channels
        .log(room)
        .slice(5)
        .map(({ body }) => body),
    );
    const seen = replicas.batches.flatMap(({ seqs }) => seqs);
    expect(seen).toEqual([...new Set(seen)]);
    expect(replicas.batches[0]?.order.prev_head).toBeNull();
    expect(replicas.batches.at(-1)?.order.head).toBe(headAfter(null, channels.log(room).slice(5)));
    await eventually(async () => expect(await atHome.metrics.text()).toMatch(/dcp_federation_fed_total\{.*\} 501/));
  });

  it('of many channels and of large messages come too', async () => {
    const rooms = Array.from({ length: 20 }, (_, at) => channelId(`room${'abcdefghijklmnopqrst'[at]}`));
    for (const each of rooms) channels.join(each, reader.nodeId);
    for (const each of rooms) channels.post(each, 3);
    channels.post(rooms[0] ?? '', 20, 'text', 60_000);
    for (const each of rooms.slice(1)) await arrives(upTo(4), each);
    await arrives(upTo(24), rooms[0]);
  });

  it('of one channel go to every one of many nodes', async () => {
    await atHome.stop();
    // Nothing but what is told wakes them.
    atHome = await home.start({ env: { DCP_FEDERATION_SCAN_MS: '60000' } });
    const peers = Array.from({ length: 40 }, () => new BadPeer());
    for (const peer of peers) {
      home.rate(peer.nodeId, 'trusted');
      await peer.dial(home.place(atHome), home.nodeId);
      channels.join(room, peer.nodeId);
    }
    channels.post(room, 1);
    for (const peer of peers) {
      expect(await peer.next('ask')).toMatchObject({ kind: 'entries', body: { channel_id: room } });
      peer.close();
    }
  });

  it('[DCP-14.3-02] wait for a node that is away, and come in order, each once, when it is back', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    const port = String(atReader.federation.port);
    await atReader.stop();
    channels.post(room, 300);
    await reader.start({ env: { DCP_FEDERATION_PORT: port } });
    await arrives(upTo(301));
    const seen = replicas.batches.flatMap(({ seqs }) => seqs);
    expect(seen).toEqual(upTo(301));
  });

  it('[DCP-12.3-06] wait until the last key has gone before them, while keys go', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    const port = String(atReader.federation.port);
    await atReader.stop();
    channels.post(room, 3);
    const seen: number[] = [];
    home.bus.serve(
      KEYS.relay,
      async () => {
        await delay(300);
        seen.push(replicas.seqs(room).length);
        return { waits: seen.length < 4, moves: true };
      },
      'keys',
    );
    await home.bus.flush();
    await reader.start({ env: { DCP_FEDERATION_PORT: port } });
    await arrives(upTo(4));
    expect(seen).toEqual([1, 1, 1, 1]);
  });

  it('do not wait for keys that do not go', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    const port = String(atReader.federation.port);
    await atReader.stop();
    channels.post(room, 3);
    let asked = 0;
    home.bus.serve(KEYS.relay, () => ({ waits: ++asked > 0, moves: false }), 'keys');
    await home.bus.flush();
    await reader.start({ env: { DCP_FEDERATION_PORT: port } });
    await arrives(upTo(4));
    expect(asked).toBe(1);
  });

  it('go on where they were after a restart of the home', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    await atHome.stop();
    channels.post(room, 3);
    await home.start();
    await arrives(upTo(4));
    expect(replicas.batches.flatMap(({ seqs }) => seqs)).toEqual(upTo(4));
    expect(replicas.batches[1]?.order.prev_head).toBe(replicas.batches[0]?.order.head);
  });

  it('[DCP-14.3-02] are brought again when the answer was lost, and heard once', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    replicas.losing = true;
    channels.post(room, 3);
    await arrives(upTo(4));
    replicas.losing = false;
    channels.post(room, 2);
    await arrives(upTo(6));
    expect(await atReader.metrics.text()).not.toMatch(/dcp_federation_order_conflicts_total\{.*\} 1/);
  });

  it('are noted as taken when nothing follows; were the note lost, the last batch would be offered again and heard once', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    channels.post(room, 3);
    await arrives(upTo(4));
    const noted = async () => (await atHome.pool.query('select seq, sent_to from feed_cursors')).rows;
    await eventually(async () => expect(await noted()).toEqual([{ seq: '4', sent_to: null }]), GUARD_MS);
    const { from, to, prev_head, head } = replicas.batches.at(-1)?.order ?? { from: 0, to: 0 };
    const back = 'update feed_cursors set seq = $1, head = $2, sent_to = $3, sent_head = $4';
    await atHome.pool.query(back, [from - 1, prev_head, to, head]);
    await atHome.stop();
    channels.post(room, 2);
    atHome = await home.start();
    await arrives(upTo(6));
    expect(replicas.batches.flatMap(({ seqs }) => seqs)).toEqual(upTo(6));
    await eventually(async () => expect(await noted()).toEqual([{ seq: '6', sent_to: null }]), GUARD_MS);
  });

  it('are tried again when the replica refuses them for now', async () => {
    channels.join(room, reader.nodeId);
    replicas.failing = new DcpError('CHANNEL_NOT_FOUND');
    channels.post(room, 3);
    await eventually(async () =>
      expect(await atReader.metrics.text()).toMatch(
        /answered_total\{kind="entries",result="CHANNEL_NOT_FOUND",.*\} [2-9]/,
      ),
    );
    replicas.failing = undefined;
    await arrives(upTo(4));
  });

  it('come again when the reader has lost some', async () => {
    channels.join(room, reader.nodeId);
    channels.post(room, 9);
    await arrives(upTo(10));
    replicas.forgetAfter(room, 6);
    channels.post(room, 1);
    await arrives(upTo(11));
  });

  it('end with the last member, and begin anew when one comes back', async () => {
    channels.join(room, reader.nodeId);
    channels.post(room, 2);
    channels.leave(room, reader.nodeId);
    channels.post(room, 5);
    await arrives(upTo(4));
    replicas.forgetAfter(room, 0);
    channels.join(room, reader.nodeId);
    channels.post(room, 1);
    await arrives([10, 11]);
  });

  it('[DCP-10.3-03] do not go to a blocked node', async () => {
    channels.join(room, reader.nodeId);
    await arrives([1]);
    home.rate(reader.nodeId, 'blocked');
    await eventually(async () => expect(await atHome.metrics.text()).toMatch(/dcp_federation_links\{.*\} 0/));
    channels.post(room, 3);
    home.rate('zzzzzzzz', 'trusted');
    home.rate(reader.nodeId, 'monitored');
    await arrives(upTo(4));
  });

  it('of a channel whose home has moved come from the new home in the next epoch, and from the old one no more', async () => {
    const next = await TestNode.open('127.0.0.3');
    const taken = new HomeChannels(next);
    next.answers('user_lookup', () => ({}));
    const atNext = await next.start();
    await reader.ask(next.nodeId, 'user_lookup', { user_id: 'x' }, { via: next.place(atNext) });
    channels.post(room, 4);
    channels.join(room, reader.nodeId);
    await arrives([5]);
    taken.copy(room, channels.log(room), [{ node_id: reader.nodeId, since: 5 }]);
    taken.orders(room, 2, 5);
    // The last entry of before goes out once more, so that who lacks it can say so.
    await eventually(() => expect(replicas.batches.at(-1)).toMatchObject({ from: next.nodeId, seqs: [5] }), GUARD_MS);
    expect(replicas.batches.at(-1)?.order).toMatchObject({ epoch: 2, prev_head: null });
    taken.post(room, 2);
    await arrives([5, 6, 7]);
    const heard = replicas.batches.length;
    channels.post(room, 1);
    await eventually(async () => {
      expect(await atReader.metrics.text()).toMatch(
        /dcp_federation_answered_total\{.*kind="entries".*FEDERATION_ERROR.*\} 1/,
      );
    }, GUARD_MS);
    expect(replicas.batches).toHaveLength(heard);
    expect(replicas.seqs(room)).toEqual([5, 6, 7]);
    await next.close();
  });

  it('of a new home fill what a node has missed of the old one', async () => {
    channels.post(room, 4);
    channels.join(room, reader.nodeId);
    await arrives([5]);
    channels.orders(room, 2, 9);
    channels.post(room, 6);
    await arrives(upTo(11, 5));
    expect(replicas.batches.at(-1)?.order.epoch).toBe(2);
  });
});

describe('a home that is not true', () => {
  let reader: TestNode;
  let replicas: Replicas;
  let instance: Instance;
  let bad: BadPeer;
  const { logger, text } = captureLogger('federation');
  const entry = (seq: number, body = `{"n":${seq}}`) => ({
    seq,
    id: `msg_${seq}`,
    type: 'text',
    author: 'a.b',
    received_at: new Date().toISOString(),
    body,
  });
  type Entries = ReturnType<typeof entry>[];

  beforeEach(async () => {
    reader = await TestNode.open('127.0.0.1');
    replicas = new Replicas(reader);
    instance = await reader.start({ logger });
    await eventually(async () => expect((await instance.health.report()).ready).toBe(true));
    bad = new BadPeer();
    await bad.dial(reader.place(instance), reader.nodeId);
  });
  afterEach(async () => {
    bad.close();
    await reader.close();
  });

  const order = (channel_id: string, entries: Entries, prev_head: string | null, own = bad) => {
    const [from, to] = [entries[0]?.seq ?? 0, entries.at(-1)?.seq ?? 0];
    const plain = { channel_id, epoch: 1, from, to, prev_head, head: headAfter(prev_head, entries) };
    return { ...plain, signature: own.sign('ORDER', plain) };
  };
  let asked = 0;
  const say = async (channel_id: string, entries: Entries, signed: object, own = bad) => {
    const id = `q${++asked}`;
    own.ws.send(
      own.batch([{ type: 'ask', id, kind: 'entries', body: { channel_id, name: '#x', entries, order: signed } }]),
    );
    let answer: Record<string, unknown> | undefined;
    await eventually(() => expect((answer = own.heard.find((frame) => frame['id'] === id))).toBeDefined());
    const error = answer?.['error'] as { code: string; details: { reason?: string } } | undefined;
    return error === undefined ? answer?.['body'] : `${error.code} ${error.details.reason ?? ''}`;
  };

  it('is noticed when it signs two orders of one channel: nothing more is taken, and an error tells it', async () => {
    const room = channelId('two');
    const first = [entry(1), entry(2)];
    const told = order(room, first, null);
    expect(await say(room, first, told)).toEqual({ last_seq: 2 });
    expect(await say(room, first, told)).toEqual({ last_seq: 2 });
    const other = headAfter(null, [entry(1), entry(2, '{"other":true}')]);
    expect(await say(room, [entry(3)], order(room, [entry(3)], other))).toBe('FEDERATION_ERROR order_conflict');
    expect(await say(room, [entry(3)], order(room, [entry(3)], told.head))).toBe('FEDERATION_ERROR order_conflict');
    expect(replicas.seqs(room)).toEqual([1, 2]);
    expect(await instance.metrics.text()).toMatch(/dcp_federation_order_conflicts_total\{.*\} 1/);
    expect(text()).toContain('two orders');
    const { rows } = await instance.pool.query('select evidence from replica_heads where channel_id = $1', [room]);
    expect(rows[0].evidence).toMatchObject({ first: { head: told.head }, second: { prev_head: other } });
  });

  it('is noticed when it says the same entries otherwise', async () => {
    const room = channelId('same');
    const first = [entry(1), entry(2)];
    await say(room, first, order(room, first, null));
    const changed = [entry(1), entry(2, '{"n":"changed"}')];
    expect(await say(room, changed, order(room, changed, null))).toBe('FEDERATION_ERROR order_conflict');
  });

  it('[DCP-10.2-03] is refused without a true signature, with another hash, with holes, and for channels of another home', async () => {
    const room = channelId('forged');
    const first = [entry(1), entry(2)];
    const stranger = new BadPeer();
    expect(await say(room, first, order(room, first, null, stranger))).toBe('FEDERATION_ERROR order_signature');
    expect(await say(room, [entry(1), entry(2, '{}')], order(room, first, null))).toBe('FEDERATION_ERROR order_hash');
    const holes = [entry(1), entry(3)];
    expect(await say(room, holes, order(room, holes, null))).toBe('FEDERATION_ERROR order_hash');
    expect(await say(channelId('another'), first, order(room, first, null))).toBe('FEDERATION_ERROR order_hash');
    expect(await say(room, [], order(room, first, null))).toMatch('INVALID_MESSAGE_FORMAT');
    expect(replicas.batches).toEqual([]);
    expect(await say(room, first, order(room, first, null))).toEqual({ last_seq: 2 });
    await stranger.dial(reader.place(instance), reader.nodeId);
    const next = [entry(3)];
    const stolen = order(room, next, headAfter(null, first), stranger);
    expect(await say(room, next, stolen, stranger)).toBe('FEDERATION_ERROR not_home');
    stranger.close();
    expect(await say(room, [entry(9)], order(room, [entry(9)], headAfter(null, first)))).toBe(
      'FEDERATION_ERROR order_gap',
    );
  });

  it("has no way around: the subject is the federation service's alone", () => {
    expect(PEER.entries.callers).toEqual(['federation']);
  });
});
