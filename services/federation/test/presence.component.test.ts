import { at, FEDERATION, GATEWAY, type PresenceChanged, type RemotePresence } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BadPeer } from './support/bad-peer.js';
import { channelId, HomeChannels, Replicas } from './support/channels.js';
import { type Instance, TestNode } from './support/node.js';
import { natsHouse } from './support/nats.js';

const GUARD_MS = 20_000;
const GRACE_MS = '500';
const WANTED = { DCP_FEDERATION_PRESENCE: 'true', DCP_FEDERATION_PRESENCE_GRACE_MS: GRACE_MS };
const [room, other] = [channelId('room'), channelId('other')];

describe('who is there, between nodes', () => {
  let home: TestNode;
  let first: TestNode;
  let second: TestNode;
  let channels: HomeChannels;
  let atHome: Instance;
  /** What gateways of each node heard of other nodes. */
  const heard = new Map<TestNode, RemotePresence[]>();
  const gone = new Map<TestNode, string[]>();
  const logs = new Map<TestNode, Replicas>();
  const pools = new Map<TestNode, Instance['pool']>();

  const heardAt = (node: TestNode) => heard.get(node) ?? [];
  const statusesAt = (node: TestNode, user: string) =>
    heardAt(node)
      .filter(({ user_id }) => user_id === user)
      .map(({ status }) => status);
  const userOf = (node: TestNode, name = 'anna-7x9k') => `${node.nodeId}.${name}`;
  /** A gateway of the node says how a user is. */
  const shows = (node: TestNode, status: PresenceChanged['status'], more: Partial<PresenceChanged> = {}) => {
    const said = { status, last_seen: new Date().toISOString(), channels: [room], ...more };
    node.bus.publish(GATEWAY.presence, { gateway_id: 'gw_1', user_id: userOf(node), ...said });
    return said;
  };
  /** Its gateway is asked who is there. */
  const keeps = (node: TestNode, user_id: string, channel: string) =>
    node.bus.subscribe(FEDERATION.presenceWanted, (wanted) => {
      const isShared = wanted.node_id !== undefined && wanted.channel_ids.includes(channel);
      if (wanted.node_id === undefined || !isShared) return;
      const user = { user_id, status: 'online' as const, last_seen: new Date().toISOString(), hidden: false };
      const users = [{ ...user, channels: [channel] }];
      node.bus.publish(GATEWAY.presenceSnapshot, { gateway_id: 'gw_1', wanted_for: wanted.node_id, users });
    });
  const linked = async (node: TestNode, instance: Instance = atHome) =>
    await node.ask(home.nodeId, 'user_lookup', { user_id: 'x' }, { via: home.place(instance) });
  const started = async (node: TestNode, env: Record<string, string>) => {
    const instance = await node.start({ env });
    pools.set(node, instance.pool);
    return instance;
  };
  /** Its replica has the channel, and the node has written down who orders it: only then it believes words about who is there. */
  const joined = async (node: TestNode, channel: string) => {
    const replicas = logs.get(node) ?? new Replicas(node);
    logs.set(node, replicas);
    channels.join(channel, node.nodeId);
    await eventually(() => expect(replicas.seqs(channel).length).toBeGreaterThan(0), GUARD_MS);
    const heads = 'select 1 from replica_heads where channel_id = $1';
    await eventually(async () => expect((await pools.get(node)?.query(heads, [channel]))?.rowCount).toBe(1), GUARD_MS);
  };
  const open = async (host: string, house?: Parameters<typeof TestNode.open>[1]) => {
    const node = await TestNode.open(host, house);
    node.bus.subscribe(FEDERATION.presence, (word) => heard.set(node, [...heardAt(node), word]));
    node.bus.subscribe(FEDERATION.nodeGone, ({ node_id }) => gone.set(node, [...(gone.get(node) ?? []), node_id]));
    return node;
  };
  const trustEachOther = () => {
    for (const node of [home, first, second])
      for (const { nodeId } of [home, first, second]) if (nodeId !== node.nodeId) node.rate(nodeId, 'trusted');
  };

  beforeEach(async () => {
    [home, first, second] = [await open('127.0.0.1'), await open('127.0.0.2'), await open('127.0.0.3')];
    channels = new HomeChannels(home);
    home.answers('user_lookup', () => ({}));
  });
  afterEach(async () => {
    for (const node of [home, first, second]) await node.close();
    heard.clear();
    gone.clear();
    logs.clear();
    pools.clear();
  });

  /** Both readers are in the room, and only the first in the other one. */
  const meet = async (ofHome: Record<string, string> = WANTED, ofReaders: Record<string, string> = WANTED) => {
    atHome = await started(home, ofHome);
    for (const reader of [first, second]) {
      await started(reader, ofReaders);
      await linked(reader);
      await joined(reader, room);
    }
  };

  it('[DCP-7.2-02] a user of the home comes, is away and goes: each reader hears it once, for its own channels', async () => {
    trustEachOther();
    await meet();
    await joined(first, other);
    const user = userOf(home);
    const online = shows(home, 'online', { channels: [room, other, channelId('alone')] });
    await eventually(() => expect(heardAt(second)).toHaveLength(1), GUARD_MS);
    shows(home, 'away', { message: 'Lunch', channels: [room, other] });
    await eventually(() => expect(heardAt(second)).toHaveLength(2), GUARD_MS);
    // What is no news is not said again.
    shows(home, 'away', { message: 'Lunch', channels: [room, other] });
    shows(home, 'offline', { channels: [room, other] });
    for (const reader of [first, second])
      await eventually(() => expect(statusesAt(reader, user)).toEqual(['online', 'away', 'offline']), GUARD_MS);
    const said = { node_id: home.nodeId, user_id: user, status: 'online', last_seen: online.last_seen };
    expect(heardAt(first)[0]).toEqual({ ...said, channels: expect.arrayContaining([room, other]) });
    expect(heardAt(first)[0]?.channels).toHaveLength(2);
    expect(heardAt(second)[0]).toEqual({ ...said, channels: [room] });
    expect(heardAt(second)[1]?.message).toBe('Lunch');
    expect(heardAt(home)).toEqual([]);
  });

  it('[DCP-7.2-02] a user of a reader is seen at the home and, by way of it, at the other readers', async () => {
    trustEachOther();
    await meet();
    const user = userOf(first);
    shows(first, 'online');
    await eventually(() => expect(statusesAt(home, user)).toEqual(['online']), GUARD_MS);
    await eventually(() => expect(statusesAt(second, user)).toEqual(['online']), GUARD_MS);
    expect(heardAt(home)[0]?.node_id).toBe(first.nodeId);
    expect(heardAt(second)[0]?.node_id).toBe(home.nodeId);
    expect(heardAt(first)).toEqual([]);
  });

  it('who hides is not spoken of; who begins to hide is taken back', async () => {
    trustEachOther();
    await meet();
    const hidden = { user_id: userOf(home, 'dora-7x9k'), channels: [] };
    shows(home, 'online', hidden);
    shows(home, 'away', hidden);
    shows(home, 'online');
    await eventually(() => expect(statusesAt(first, userOf(home))).toEqual(['online']), GUARD_MS);
    shows(home, 'online', { channels: [] });
    await eventually(() => expect(statusesAt(first, userOf(home))).toEqual(['online', 'offline']), GUARD_MS);
    expect(statusesAt(first, hidden.user_id)).toEqual([]);
  });

  it('a user is there as long as one of his gateways says so', async () => {
    trustEachOther();
    await meet();
    const user = userOf(home);
    shows(home, 'online');
    shows(home, 'away', { gateway_id: 'gw_2' });
    shows(home, 'offline', { gateway_id: 'gw_2' });
    await eventually(() => expect(statusesAt(first, user)).toEqual(['online']), GUARD_MS);
    shows(home, 'offline');
    await eventually(() => expect(statusesAt(first, user)).toEqual(['online', 'offline']), GUARD_MS);
  });

  /** What went before it has come, or never will. */
  const typed = async (writer: TestNode, reader: TestNode) => {
    let came = false;
    const change = { channel_id: room, user_id: userOf(writer), typing: true };
    reader.bus.subscribe(at(FEDERATION.typing, room), () => (came = true));
    await eventually(() => {
      writer.bus.publish(at(GATEWAY.typing, room), change);
      expect(came).toBe(true);
    }, GUARD_MS);
  };

  it('by default a node says nothing of its users', async () => {
    trustEachOther();
    await meet({});
    shows(home, 'online');
    await typed(home, first);
    expect(heardAt(first)).toEqual([]);
    // And takes nothing of others.
    shows(first, 'online');
    await eventually(
      async () => expect(await atHome.metrics.text()).toMatch(/presence_total\{result="not_wanted",.*\} [1-9]/),
      GUARD_MS,
    );
    expect([...heard.values()].flat()).toEqual([]);
  });

  it('nodes that nobody has rated are not told and not heard', async () => {
    for (const node of [first, second]) node.rate(home.nodeId, 'trusted');
    home.rate(second.nodeId, 'monitored');
    await meet();
    shows(home, 'online');
    await eventually(() => expect(statusesAt(second, userOf(home))).toEqual(['online']), GUARD_MS);
    await typed(home, first);
    expect(heardAt(first)).toEqual([]);
    shows(first, 'online');
    await eventually(
      async () => expect(await atHome.metrics.text()).toMatch(/presence_total\{result="not_trusted",.*\} [1-9]/),
      GUARD_MS,
    );
    // The home speaks of a node that the second reader does not know, too.
    home.rate(first.nodeId, 'trusted');
    shows(first, 'away');
    await eventually(() => expect(statusesAt(home, userOf(first))).toEqual(['away']), GUARD_MS);
    await typed(first, second);
    expect(heardAt(second).map(({ user_id }) => user_id)).toEqual([userOf(home)]);
  });

  it('who comes later hears who is there, and who went while there was no link', async () => {
    trustEachOther();
    atHome = await started(home, WANTED);
    const [there, left] = [userOf(home), userOf(home, 'carl-7x9k')];
    keeps(home, there, room);
    const atFirst = await started(first, WANTED);
    await linked(first);
    await joined(first, room);
    await eventually(() => expect(statusesAt(first, there)).toContain('online'), GUARD_MS);
    shows(home, 'online', { user_id: left });
    await eventually(() => expect(statusesAt(first, left)).toEqual(['online']), GUARD_MS);
    await atFirst.stop();
    heard.clear();
    await eventually(async () => expect(await atHome.metrics.text()).toMatch(/federation_links\{.*\} 0/), GUARD_MS);
    shows(home, 'offline', { user_id: left });
    await started(first, WANTED);
    await linked(first);
    await eventually(() => expect(statusesAt(first, there)).toContain('online'), GUARD_MS);
    await eventually(() => expect(statusesAt(first, left)).toContain('offline'), GUARD_MS);
  });

  it('a node to which there is no link for a while is gone; so is one that is blocked, at once', async () => {
    trustEachOther();
    await meet();
    await first.stopAll();
    await eventually(() => expect(gone.get(home)).toContain(first.nodeId), GUARD_MS);
    expect(gone.get(home)).not.toContain(second.nodeId);
    home.rate(second.nodeId, 'blocked');
    await eventually(() => expect(gone.get(home)).toContain(second.nodeId), GUARD_MS);
  });

  it('a node speaks for its own users only, in channels that it reads, and not too often', async () => {
    trustEachOther();
    await meet();
    const peer = new BadPeer();
    await peer.dial(home.place(atHome), home.nodeId);
    for (const node of [home, first, second]) node.rate(peer.nodeId, 'trusted');
    channels.join(room, peer.nodeId);
    const say = (frames: object[]) => peer.ws.send(peer.batch(frames.map((frame) => ({ type: 'presence', ...frame }))));
    const own = {
      user_id: `${peer.nodeId}.eve-7x9k`,
      status: 'online',
      last_seen: '2026-01-02T03:04:05Z',
      channels: [room],
    };
    await eventually(() => {
      say([own]);
      expect(heardAt(home)).toContainEqual({ node_id: peer.nodeId, ...own });
    }, GUARD_MS);
    say([
      { ...own, user_id: userOf(home) },
      { ...own, user_id: userOf(first) },
      { ...own, user_id: 7 },
      { ...own, status: 'busy' },
      { ...own, channels: [] },
      { ...own, channels: [other] },
      { ...own, channels: Array.from({ length: 201 }, () => room) },
      { ...own, message: 'x'.repeat(201) },
      { ...own, status: 'away', channels: [room, other], more: 'x' },
    ]);
    const last = { node_id: peer.nodeId, ...own, status: 'away' };
    await eventually(() => expect(heardAt(home)).toContainEqual(last), GUARD_MS);
    expect(heardAt(home).every(({ user_id, message }) => user_id === own.user_id && message === undefined)).toBe(true);
    await eventually(() => expect(heardAt(first)).toContainEqual({ ...last, node_id: home.nodeId }), GUARD_MS);
    const began = performance.now();
    for (let batch = 0; batch < 120; batch++) say(Array.from({ length: 60 }, () => own));
    await eventually(
      async () => expect(await atHome.metrics.text()).toMatch(/refused_total\{reason="flood",.*\} [1-9]/),
      GUARD_MS,
    );
    // 6,000 a minute: a slow machine lets a hundred more in every second.
    expect(heardAt(home).length).toBeLessThan(6_200 + (performance.now() - began) / 10);
    peer.close();
  });

  it('a link that moves to another instance is no node that is gone; every instance speaks on its links', async () => {
    const house = await natsHouse();
    const many = await open('127.0.0.4', house);
    try {
      for (const reader of [first, second]) {
        reader.rate(many.nodeId, 'trusted');
        many.rate(reader.nodeId, 'trusted');
      }
      for (const [one, two] of [
        [first, second],
        [second, first],
      ] as const)
        one.rate(two.nodeId, 'trusted');
      many.answers('user_lookup', () => ({}));
      channels = new HomeChannels(many);
      await many.bus.flush();
      const [here, there] = [await started(many, WANTED), await started(many, WANTED)];
      let atFirst = await started(first, WANTED);
      await started(second, WANTED);
      const reach = (reader: TestNode, instance: Instance) =>
        reader.ask(many.nodeId, 'user_lookup', { user_id: 'x' }, { via: many.place(instance) });
      await reach(first, here);
      await reach(second, there);
      for (const reader of [first, second]) await joined(reader, room);
      shows(first, 'online');
      await eventually(() => expect(statusesAt(second, userOf(first))).toEqual(['online']), GUARD_MS);
      await atFirst.stop();
      atFirst = await started(first, WANTED);
      await reach(first, there);
      await second.stopAll();
      await eventually(() => expect(gone.get(many)).toContain(second.nodeId), GUARD_MS);
      expect(gone.get(many)).not.toContain(first.nodeId);
      shows(many, 'online');
      await eventually(() => expect(statusesAt(first, userOf(many))).toEqual(['online']), GUARD_MS);
    } finally {
      await many.close();
      await house.nats.stop();
    }
  });
});
