import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { channelId, HomeChannels, Replicas } from './support/channels.js';
import { type Instance, TestNode } from './support/node.js';

const GUARD_MS = 20_000;
const ROUNDS = 12;

describe('two nodes that dial each other at the same time', () => {
  let nodes: TestNode[];
  let channels: HomeChannels[];
  let replicas: Replicas[];
  let instances: Instance[];
  const rooms = [channelId('north'), channelId('south')] as const;

  beforeAll(async () => {
    nodes = [await TestNode.open('127.0.0.1'), await TestNode.open('127.0.0.2')];
    channels = nodes.map((node) => new HomeChannels(node));
    replicas = nodes.map((node) => new Replicas(node));
    instances = await Promise.all(nodes.map((node) => node.start()));
    const [north, south] = nodes as [TestNode, TestNode];
    north.answers('user_lookup', () => ({}));
    await south.ask(north.nodeId, 'user_lookup', { user_id: 'x' }, { via: north.place(instances[0] as Instance) });
    channels[0]?.join(rooms[0], south.nodeId);
    channels[1]?.join(rooms[1], north.nodeId);
  });

  afterAll(async () => {
    for (const node of nodes ?? []) await node.close();
  });

  it('bring each other their entries, whichever link stays', async () => {
    const env = instances.map(({ federation }) => ({ DCP_FEDERATION_PORT: String(federation.port) }));
    for (let round = 1; round <= ROUNDS; round++) {
      await Promise.all(instances.map((instance) => instance.stop()));
      instances = await Promise.all(nodes.map((node, at) => node.start({ env: env[at] ?? {} })));
      channels.forEach((each, at) => each.post(rooms[at] as string, 3));
      await eventually(() => {
        expect(replicas[1]?.seqs(rooms[0])).toHaveLength(1 + 3 * round);
        expect(replicas[0]?.seqs(rooms[1])).toHaveLength(1 + 3 * round);
      }, GUARD_MS);
    }
  });
});
