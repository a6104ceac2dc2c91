import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { eventually, startCluster, type Cluster } from '@dcp/testkit';
import { SealedCrowd } from './sealed-crowd.js';
import { SealedFaults } from './sealed-faults.js';
import { drawn, Talk } from './sealed-talk.js';

const FULL = process.env['DCP_FAULTS'] === 'full';
const USERS = FULL ? 50 : 12;
const MESSAGES = FULL ? 10_000 : 900;
const CHURN = 0.2;
const ROUNDS = FULL ? 4 : 1;
/** Histories are read by each so many-th user. */
const EVERY = FULL ? 10 : 1;
const PAUSE_MS = 1_000;
const STORED_MS = 1_500;
/** What could not be read is read by then, counted from the end of the last fault. */
const HEALED_MS = 60_000;

let cluster: Cluster;
let crowd: SealedCrowd;
let folder: string;

beforeAll(async () => {
  await ready();
  folder = await mkdtemp(join(tmpdir(), 'dcp-sealed-'));
  cluster = await startCluster({
    env: { DCP_BOUND_TO: 'loopback', DCP_RATE_LIMIT_FACTOR: '1000', DCP_CONNECTIONS_PER_ADDRESS: '10000' },
  });
  crowd = new SealedCrowd({ urls: cluster.urls, users: USERS, prefix: 'storm', folder });
  await crowd.gather();
}, 300_000);

afterAll(async () => {
  await crowd?.end();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

async function breakThings(faults: SealedFaults): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const copied = crowd.people[1 + (round % (USERS - 1))]?.first;
    // Cursors are written a second after a change; what is older is in the copy.
    await delay(STORED_MS);
    await copied?.copyStorage();
    const steps = [
      () => faults.kill('keys-1'),
      () => faults.loseQueue(),
      () => faults.crashClient(),
      () => faults.kill('channel-1', 'keys-2'),
      () => faults.restartClient(),
      () => faults.loseQueue(),
      () => faults.restartNats(),
      () => faults.kill('keys-1', 'keys-2'),
      () => faults.loseQueue(),
      () => faults.killAny(),
      async () => copied && (await faults.restoreOldCopy(copied)),
      () => faults.crashClient(),
    ];
    for (const step of steps) {
      await delay(PAUSE_MS);
      await step();
    }
  }
}

/** Seconds from the end of the faults (or the message, if that came later) to the moment when it could be read. */
function healingTimes(ended: number): number[] {
  return crowd
    .late()
    .map(({ healed = Infinity, since }) => Math.max(0, healed - Math.max(ended, since)) / 1_000)
    .sort((a, b) => a - b);
}

describe('encrypted conversations under faults', () => {
  it(
    '[DCP-6.3-04] [DCP-12.2-04] [DCP-12.3-06] killed services and clients, lost hand-overs and an old copy: everything unreadable heals within a minute, nothing is lost, changed or leaked',
    async () => {
      const seed = Math.floor(Math.random() * 2 ** 32);
      const random = drawn(seed);
      const seats = crowd.rooms.reduce((sum, { members }) => sum + members.size, 0) + crowd.devices().length;
      const changes = Math.ceil(seats * CHURN);
      let refused = 0;
      const talk = new Talk(crowd, { messages: MESSAGES, changes, pauseMs: 350, faults: true, random });
      const faults = new SealedFaults(cluster, crowd, random);
      await Promise.all([talk.run(), breakThings(faults)]);
      const ended = performance.now();
      console.log(
        `all is mended: ${faults.done.join(', ')}; away ${crowd.away().join()}; waiting ${crowd.waiting().join()}`,
      );
      let healed = Infinity;
      try {
        await eventually(
          () => expect({ away: crowd.away(), waiting: crowd.waiting() }).toEqual({ away: [], waiting: [] }),
          HEALED_MS,
        );
        const stays = await crowd.stays();
        await eventually(() => expect(crowd.check(stays).slice(0, 20)).toEqual([]), HEALED_MS);
        healed = performance.now() - ended;
        refused = crowd.refused().length;
        await eventually(
          async () => expect((await crowd.checkHistories(stays, { every: EVERY })).slice(0, 20)).toEqual([]),
          HEALED_MS,
        );
      } finally {
        const { heard, noticed } = crowd.summary();
        const times = healingTimes(ended);
        console.log(
          `seed ${seed}: ${crowd.said} messages, heard ${heard} times by ` +
            `${crowd.devices().length} devices; changes ${JSON.stringify(talk.changed)}; ${faults.lost} hand-overs lost; ` +
            `not readable at once ${times.length}, refused ${refused}, ` +
            `read ${times
              .map((time) => time.toFixed(1))
              .slice(-10)
              .join(' ')} s after the end; all well after ` +
            `${(healed / 1_000).toFixed(1)} s; turned away ${JSON.stringify(crowd.turnedAway)}; noticed ${JSON.stringify(noticed)}`,
        );
      }
      expect(healed).toBeLessThan(HEALED_MS);
      expect(crowd.failures).toEqual([]);
    },
    FULL ? 1_500_000 : 300_000,
  );
});
