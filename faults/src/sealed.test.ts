import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { eventually, startCluster, type Cluster } from '@dcp/testkit';
import { SealedCrowd } from './sealed-crowd.js';
import { drawn, Talk } from './sealed-talk.js';

/** The full form (`DCP_FAULTS=full`) is the figure of the specification's tests; the other one is for every change. */
const FULL = process.env['DCP_FAULTS'] === 'full';
const USERS = FULL ? 50 : 20;
const MESSAGES = FULL ? 10_000 : 1_500;
const CHURN = 0.2;
const SETTLE_MS = 60_000;
const GUARD_MS = FULL ? 1_500_000 : 300_000;

let cluster: Cluster;
let crowd: SealedCrowd;

beforeAll(async () => {
  await ready();
  cluster = await startCluster({
    env: { DCP_BOUND_TO: 'loopback', DCP_RATE_LIMIT_FACTOR: '1000', DCP_CONNECTIONS_PER_ADDRESS: '10000' },
  });
  crowd = new SealedCrowd({ urls: cluster.urls, users: USERS, prefix: 'calm' });
  await crowd.gather();
}, 300_000);

afterAll(async () => {
  await crowd?.end();
  await cluster?.stop();
}, 60_000);

describe('encrypted conversations without faults', () => {
  it(
    '[DCP-6.3-04] [DCP-12.3-06] every device of every member reads every message at once, whoever comes and goes, and nobody else',
    async () => {
      const seed = Math.floor(Math.random() * 2 ** 32);
      const seats = crowd.rooms.reduce((sum, { members }) => sum + members.size, 0) + crowd.devices().length;
      const talk = new Talk(crowd, {
        messages: MESSAGES,
        changes: Math.ceil(seats * CHURN),
        pauseMs: 20,
        faults: false,
        random: drawn(seed),
      });
      const began = performance.now();
      await talk.run();
      const took = Math.round(performance.now() - began);
      await eventually(
        () => expect({ away: crowd.away(), waiting: crowd.waiting() }).toEqual({ away: [], waiting: [] }),
        SETTLE_MS,
      );
      const stays = await crowd.stays();
      const { heard, noticed } = crowd.summary();
      console.log(
        `seed ${seed}: ${crowd.said} messages in ${took} ms, heard ${heard} times by ${crowd.devices().length} devices; ` +
          `changes ${JSON.stringify(talk.changed)}; not readable at once: ${crowd.late().length} ${JSON.stringify(crowd.late().slice(0, 8))}; ` +
          `turned away ${JSON.stringify(crowd.turnedAway)}; noticed ${JSON.stringify(noticed)}`,
      );
      await eventually(() => expect(crowd.check(stays).slice(0, 20)).toEqual([]), SETTLE_MS);
      expect(crowd.late().slice(0, 20)).toEqual([]);
      expect(crowd.refused()).toEqual([]);
      await eventually(
        async () => expect((await crowd.checkHistories(stays, { fromBackup: true })).slice(0, 20)).toEqual([]),
        SETTLE_MS,
      );
      expect(crowd.failures).toEqual([]);
      expect(crowd.said).toBeGreaterThan(MESSAGES * 0.95);
    },
    GUARD_MS,
  );
});
