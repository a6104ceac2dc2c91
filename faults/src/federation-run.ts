import { expect } from '@jest/globals';
import { eventually } from '@dcp/testkit';
import { NodeCrowd, type NodeRoom } from './node-crowd.js';
import { NodeHistory } from './node-history.js';
import type { NodeGroup } from './nodes/node-group.js';
import { orderFaults } from './nodes/signed-orders.js';
import { drawn, type Random } from './sealed-talk.js';

export const FULL = process.env['DCP_FAULTS'] === 'full';

export interface FederationRun {
  crowd: NodeCrowd;
  history: NodeHistory;
  random: Random;
  seed: number;
}

/** Users of every node, in these rooms. */
export async function gatherIn(group: NodeGroup, usersPerNode: number, rooms: NodeRoom[]): Promise<FederationRun> {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = drawn(seed);
  const history = new NodeHistory();
  const crowd = new NodeCrowd({ nodes: group.nodes, usersPerNode, rooms, history, random });
  await crowd.gather();
  return { crowd, history, random, seed };
}

/** In an encrypted and a readable channel of the first node and an encrypted one of the last. */
export async function gatherAt(group: NodeGroup, usersPerNode: number): Promise<FederationRun> {
  const [first, last] = [group.nodes[0], group.nodes.at(-1)];
  if (first === undefined || last === undefined) throw new Error('there are no nodes');
  return await gatherIn(group, usersPerNode, [
    { name: '#sealed', home: first, encryption: 'e2ee' },
    { name: '#readable', home: first, encryption: 'node' },
    { name: '#far', home: last, encryption: 'e2ee' },
  ]);
}

/**
 * Waits until all is quiet; then nothing may be wrong with what anybody saw, with what the nodes show, or with the orders that they signed.
 * Resolves with the seconds until everybody had heard everything.
 */
export async function expectWhole(
  { crowd, history, seed }: FederationRun,
  group: NodeGroup,
  guardMs: number,
  what: string,
): Promise<number> {
  const since = performance.now();
  await crowd.settle(guardMs);
  const seconds = (performance.now() - since) / 1_000;
  await eventually(async () => expect(await orderFaults(group.nodes)).toEqual([]), guardMs);
  await crowd.readBack();
  console.log(
    `${what} (seed ${seed}): ${crowd.posted} posts of ${crowd.members.length} users at ${group.nodes.length} nodes, ` +
      `${history.queued} queued at first, ${history.delivered} deliveries, ${sum(history.lateKeys.values())} before their keys; ` +
      `all heard ${seconds.toFixed(1)} s after the end`,
  );
  expect(history.check()).toEqual([]);
  expect(crowd.failures).toEqual([]);
  expect(history.acknowledged).toBe(crowd.posted);
  return seconds;
}

export function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, one) => total + one, 0);
}
