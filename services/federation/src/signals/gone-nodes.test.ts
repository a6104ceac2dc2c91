import { setImmediate as turn } from 'node:timers/promises';
import { FEDERATION, type LinkState } from '@dcp/contracts';
import { createInProcessBus, silentLogger } from '@dcp/node-kit';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Lease } from '../link/lease.store.js';
import { GoneNodes } from './gone-nodes.js';

const GRACE_MS = 30_000;

describe('nodes that are gone', () => {
  let state: LinkState;
  let lease: Lease | undefined;
  let told: string[];
  let nodes: GoneNodes;
  const bus = createInProcessBus({ freeze: true });
  bus.subscribe(FEDERATION.nodeGone, ({ node_id }) => told.push(node_id));

  /** The link is lost, and so long nothing else happens. */
  const after = async (ms: number) => {
    nodes.down('north');
    jest.advanceTimersByTime(ms);
    for (let turns = 0; turns < 3; turns++) await turn();
  };

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
    [state, lease, told] = ['waiting', undefined, []];
    nodes = new GoneNodes({
      bus,
      links: { stateOf: () => state, watchers: new Set() },
      leases: { instance: 'own', find: async () => lease },
      logger: silentLogger,
      graceMs: GRACE_MS,
    });
  });
  afterEach(() => {
    nodes.stop();
    jest.useRealTimers();
  });

  it('are told when there was no link for a while', async () => {
    await after(GRACE_MS - 1);
    expect(told).toEqual([]);
    await after(GRACE_MS);
    expect(told).toEqual(['north']);
  });

  it('are not gone while the link is back', async () => {
    nodes.down('north');
    nodes.up('north');
    jest.advanceTimersByTime(GRACE_MS);
    state = 'up';
    await after(GRACE_MS);
    expect(told).toEqual([]);
  });

  it('are not gone when another instance has the link; but when it has only the right to it', async () => {
    lease = { holder: 'other', token: 1, dialler: 'north', upMs: 5 };
    await after(GRACE_MS);
    expect(told).toEqual([]);
    lease = { ...lease, dialler: null };
    await after(GRACE_MS);
    expect(told).toEqual(['north']);
  });

  it('are gone at once when they may not be heard any longer', async () => {
    for (const level of ['trusted', 'monitored', 'unknown', 'blocked'] as const)
      nodes.levelChanged({ node_id: level, level });
    await turn();
    expect(told).toEqual(['unknown', 'blocked']);
  });
});
