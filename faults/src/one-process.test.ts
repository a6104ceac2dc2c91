import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { eventually, freePort, spawnService, type SpawnedService } from '@dcp/testkit';
import { Crowd } from './crowd.js';
import { History } from './history.js';

const MAIN = join(import.meta.dirname, '..', '..', 'services', 'home-node', 'dist', 'main.js');
const USERS = 60;
const KILLS = process.env['DCP_FAULTS'] === 'nightly' ? 50 : 4;
const PAUSE_MS = 5_000;
const SETTLE_MS = 60_000;

let folder: string;
let node: SpawnedService;
let crowd: Crowd;
let start: () => Promise<void>;
const history = new History();

beforeAll(async () => {
  await ready();
  folder = await mkdtemp(join(tmpdir(), 'dcp-faults-'));
  // As root PostgreSQL runs under another user, who has to get there.
  await chmod(folder, 0o711);
  const port = String(await freePort());
  const env = {
    DCP_DATA_DIR: join(folder, 'data'),
    DCP_PORT: port,
    DCP_HEALTH_PORT: '0',
    DCP_DRAIN_MS: '500',
    DCP_RATE_LIMIT_FACTOR: '1000',
    DCP_CONNECTIONS_PER_ADDRESS: '10000',
  };
  start = async () => {
    node = await spawnService({ script: MAIN, env, ready: /Ctrl-C/ });
  };
  await start();
  const urls = [`http://127.0.0.1:${port}`];
  crowd = new Crowd({ urls, users: USERS, channels: 2, history, postEveryMs: 1_500, reconnectEveryMs: 10_000 });
  await crowd.gather();
}, 120_000);

afterAll(async () => {
  await crowd?.leave();
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('one process under load', () => {
  it(
    '[DCP-15.2-08] killed with its PostgreSQL, and stopped in good order, it loses nothing, repeats nothing, reorders nothing',
    async () => {
      crowd.start();
      for (let kill = 0; kill < KILLS; kill++) {
        await delay(PAUSE_MS);
        await node.kill();
        await start();
      }
      await delay(PAUSE_MS);
      expect(await node.stop()).toMatchObject({ code: 0 });
      await start();
      await delay(PAUSE_MS);
      crowd.quiet();
      await eventually(
        () => expect({ away: crowd.away(), waiting: crowd.waiting() }).toEqual({ away: [], waiting: 0 }),
        SETTLE_MS,
      );
      await eventually(() => expect(history.behind()).toEqual([]), SETTLE_MS);
      console.log(
        `killed ${KILLS} times; ${history.acknowledged} acknowledged, ${history.delivered} seen by ${USERS} users`,
      );
      expect(crowd.failures).toEqual([]);
      expect(history.check()).toEqual([]);
      expect(history.acknowledged).toBe(crowd.sent);
      expect(history.acknowledged).toBeGreaterThan(USERS);
    },
    KILLS * 30_000 + 240_000,
  );
});
