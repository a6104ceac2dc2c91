import { at, FEDERATION, GATEWAY, type TypingChanged } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BadPeer } from './support/bad-peer.js';
import { channelId, HomeChannels, Replicas } from './support/channels.js';
import { type Instance, TestNode } from './support/node.js';

const GUARD_MS = 20_000;

describe('who is typing, between nodes', () => {
  let home: TestNode;
  let readers: TestNode[];
  let channels: HomeChannels;
  let atHome: Instance;
  /** What gateways of each node heard of other nodes, by node id. */
  let heard: Map<string, TypingChanged[]>;
  const room = channelId('room');

  const types = (node: TestNode, user = `${node.nodeId}.anna-7x9k`, channel = room): TypingChanged => {
    const change = { channel_id: channel, user_id: user, typing: true };
    node.bus.publish(at(GATEWAY.typing, channel), change);
    return change;
  };
  const heardAt = (node: TestNode) => heard.get(node.nodeId) ?? [];

  beforeEach(async () => {
    [home, ...readers] = [
      await TestNode.open('127.0.0.1'),
      await TestNode.open('127.0.0.2'),
      await TestNode.open('127.0.0.3'),
    ] as [TestNode, ...TestNode[]];
    channels = new HomeChannels(home);
    home.answers('user_lookup', () => ({}));
    atHome = await home.start();
    heard = new Map();
    for (const node of [home, ...readers])
      node.bus.subscribe(at(FEDERATION.typing, '*'), (change) => {
        heard.set(node.nodeId, [...heardAt(node), change]);
      });
    for (const reader of readers) {
      const replicas = new Replicas(reader);
      await reader.start();
      await reader.ask(home.nodeId, 'user_lookup', { user_id: 'x' }, { via: home.place(atHome) });
      channels.join(room, reader.nodeId);
      await eventually(() => expect(replicas.seqs(room).length).toBeGreaterThan(0), GUARD_MS);
    }
  });
  afterEach(async () => {
    for (const node of [home, ...readers]) await node.close();
  });

  it('a user of the home is seen at every node that reads', async () => {
    const change = types(home);
    for (const reader of readers) await eventually(() => expect(heardAt(reader)).toEqual([change]), GUARD_MS);
    expect(heardAt(home)).toEqual([]);
  });

  it('[DCP-7.2-03] a user of a reader is seen at the home and, once, at the other readers', async () => {
    const [first, second] = readers as [TestNode, TestNode];
    const change = types(first);
    await eventually(() => expect(heardAt(home)).toEqual([change]), GUARD_MS);
    await eventually(() => expect(heardAt(second)).toEqual([change]), GUARD_MS);
    expect(heardAt(first)).toEqual([]);
  });

  it('readers whose links different instances of the home hold see each other', async () => {
    const [first] = readers as [TestNode];
    const other = await home.start();
    const late = await TestNode.open('127.0.0.4');
    const lateHeard: TypingChanged[] = [];
    late.bus.subscribe(at(FEDERATION.typing, '*'), (change) => void lateHeard.push(change));
    const replicas = new Replicas(late);
    await late.start();
    await late.ask(home.nodeId, 'user_lookup', { user_id: 'x' }, { via: home.place(other) });
    channels.join(room, late.nodeId);
    await eventually(() => expect(replicas.seqs(room).length).toBeGreaterThan(0), GUARD_MS);
    const change = types(first);
    await eventually(() => expect(lateHeard).toEqual([change]), GUARD_MS);
    const back = types(late);
    for (const reader of readers) await eventually(() => expect(heardAt(reader)).toContainEqual(back), GUARD_MS);
    expect(heardAt(first)).not.toContainEqual(change);
    expect(lateHeard).toEqual([change]);
    await late.close();
  });

  it('nobody of a node that left, or of a channel that is no shared one, is shown', async () => {
    const [first, second] = readers as [TestNode, TestNode];
    types(home, undefined, channelId('other'));
    channels.leave(room, first.nodeId);
    const change = { ...types(home), typing: false };
    // What comes later is there: so is everything before it.
    await eventually(() => {
      home.bus.publish(at(GATEWAY.typing, room), change);
      expect(heardAt(second)).toContainEqual(change);
    }, GUARD_MS);
    await eventually(async () => {
      heard.set(first.nodeId, []);
      types(first);
      types(home);
      expect(await atHome.metrics.text()).toMatch(/typing_total\{result="not_home",.*\} [1-9]/);
    }, GUARD_MS);
    expect(heardAt(home)).toEqual([]);
    expect(heardAt(second).every(({ channel_id }) => channel_id === room)).toBe(true);
    expect(heardAt(first)).toEqual([]);
  });

  it('a node speaks for its own users only, and not too often', async () => {
    const peer = new BadPeer();
    await peer.dial(home.place(atHome), home.nodeId);
    channels.join(room, peer.nodeId);
    const say = (frames: object[]) => peer.ws.send(peer.batch(frames.map((frame) => ({ type: 'typing', ...frame }))));
    const own = { channel_id: room, user_id: `${peer.nodeId}.eve-7x9k`, typing: true };
    await eventually(() => {
      say([own]);
      expect(heardAt(home)).toContainEqual({ ...own });
    }, GUARD_MS);
    const [first] = readers as [TestNode];
    say([
      { ...own, user_id: `${home.nodeId}.anna-7x9k` },
      { ...own, user_id: `${first.nodeId}.anna-7x9k` },
      { ...own, user_id: 7 },
      { ...own, channel_id: 'x' },
      { ...own, typing: false },
    ]);
    await eventually(() => expect(heardAt(home)).toContainEqual({ ...own, typing: false }), GUARD_MS);
    expect(heardAt(home).every(({ user_id }) => user_id === own.user_id)).toBe(true);
    for (let batch = 0; batch < 120; batch++) say(Array.from({ length: 60 }, () => own));
    await eventually(
      async () => expect(await atHome.metrics.text()).toMatch(/refused_total\{reason="flood",.*\} [1-9]/),
      GUARD_MS,
    );
    expect(heardAt(home).length).toBeLessThan(6_200);
    peer.close();
  });
});
