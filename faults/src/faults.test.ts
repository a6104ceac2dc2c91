import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startCluster, type Cluster } from '@dcp/testkit';
import { ready } from '@dcp/client-sdk';
import { Crowd } from './crowd.js';
import { History } from './history.js';

/** CI: two minutes and ten kills; nightly (`DCP_FAULTS=nightly`): thirty minutes and a hundred. */
const NIGHTLY = process.env['DCP_FAULTS'] === 'nightly';
const USERS = 200;
const SECONDS = NIGHTLY ? 1_800 : 100;
const KILLS = NIGHTLY ? 100 : 10;
const SETTLE_MS = 90_000;

let cluster: Cluster;
let crowd: Crowd;
const history = new History();

beforeAll(async () => {
  await ready();
  cluster = await startCluster({
    env: { DCP_BOUND_TO: 'loopback', DCP_RATE_LIMIT_FACTOR: '1000', DCP_CONNECTIONS_PER_ADDRESS: '10000' },
  });
  crowd = new Crowd({
    urls: cluster.urls,
    users: USERS,
    channels: 4,
    history,
    postEveryMs: 2_500,
    reconnectEveryMs: 20_000,
  });
  await crowd.gather();
}, 240_000);

afterAll(async () => {
  await crowd?.leave();
  await cluster?.stop();
});

/** A member drawn at random, killed without a word, and started again. */
async function killAndRestart(): Promise<string> {
  const { name } = cluster.members[Math.floor(Math.random() * cluster.members.length)] ?? { name: 'gateway-1' };
  await cluster.kill(name);
  await delay(Math.random() * 1_000);
  await cluster.restart(name);
  return name;
}

describe('under load', () => {
  it(
    '[DCP-16.3-03] [DCP-15.2-08] killed services, a restarted NATS and PostgreSQL and a drained gateway lose nothing, repeat nothing, reorder nothing',
    async () => {
      crowd.start();
      const pause = (SECONDS * 1_000) / (KILLS + 3);
      const victims: string[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        await delay(pause);
        victims.push(await killAndRestart());
      }
      await cluster.nats.kill();
      await delay(1_000);
      await cluster.nats.restart();
      await delay(pause);
      await cluster.postgres.kill();
      await cluster.postgres.restart();
      await delay(pause);
      await cluster.stopMember('gateway-1');
      await cluster.restart('gateway-1');
      await delay(pause);

      crowd.quiet();
      await eventually(
        () => expect({ away: crowd.away(), waiting: crowd.waiting() }).toEqual({ away: [], waiting: 0 }),
        SETTLE_MS,
      );
      await eventually(() => expect(history.behind()).toEqual([]), SETTLE_MS);
      console.log(
        `killed ${victims.join(' ')}; ${history.acknowledged} acknowledged, ${history.delivered} seen by ${USERS} users`,
      );
      expect(crowd.failures).toEqual([]);
      expect(history.check()).toEqual([]);
      expect(history.acknowledged).toBe(crowd.sent);
      expect(history.acknowledged).toBeGreaterThan(USERS);
    },
    (SECONDS + 400) * 1_000,
  );
});
