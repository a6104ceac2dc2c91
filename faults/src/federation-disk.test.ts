import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { eventually } from '@dcp/testkit';
import { expectWhole, FULL, gatherAt, type FederationRun } from './federation-run.js';
import { NodeGroup } from './nodes/node-group.js';
import { SmallDisk } from './nodes/small-disk.js';
import { untilNone } from './until-none.js';

const ROUNDS = FULL ? 10 : 1;
const USERS = FULL ? 10 : 3;
const DISK_MB = 192;
const FULL_MS = 5_000;
/** Long enough that the database needs room soon, and without anything that could be made shorter. */
const LONG = randomBytes(6_000).toString('base64');
const GUARD_MS = 60_000;
/** As the database says it, with the names of files in (escaped) quotation marks. */
const NO_SPACE = /could not [^,]{1,200}No space left on device/g;

let folder: string;
let disk: SmallDisk;
let group: NodeGroup;
let run: FederationRun;

beforeAll(async () => {
  await ready();
  folder = await mkdtemp(join(tmpdir(), 'dcp-disk-'));
  disk = await SmallDisk.mount(folder, DISK_MB);
  group = await NodeGroup.start({ id: 'northnod' }, { id: 'southnod', dataDir: join(folder, 'data') });
  run = await gatherAt(group, USERS);
}, 120_000);

afterAll(async () => {
  await run?.crowd.end();
  await group?.end();
  await disk?.end();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const south = () => group.get('southnod');

/** What the database gives back meanwhile is taken as well. */
async function keepFull(): Promise<void> {
  for (const end = performance.now() + FULL_MS; performance.now() < end; await delay(100)) await disk.fill();
}

const unready = async () => {
  const { status, text } = await south().health('/readyz');
  return status === 200 ? undefined : text;
};

/** Lines of its log that name the cause. */
const complaints = () => [...(south().process?.output ?? '').matchAll(NO_SPACE)].map(([text]) => text);

describe('a node whose disk is full', () => {
  it(
    '[DCP-15.2-08] [DCP-14.3-02] while entries come and its users write: it says so, and when there is room again everything arrives',
    async () => {
      run.crowd.start(250, LONG);
      for (let round = 0; round < ROUNDS; round++) {
        await delay(1_500);
        const before = complaints().length;
        await untilNone(
          'not full',
          () => (complaints().length > before ? [] : ['nobody says so']),
          GUARD_MS,
          () => disk.fill(),
        );
        await keepFull();
        expect(await disk.freeBytes()).toBeLessThan(64 * 1024);
        await disk.free();
      }
      console.log(`the node said ${complaints().length} times: ${complaints()[0]}`);
      await eventually(async () => expect(await unready()).toBeUndefined(), GUARD_MS);
      await expectWhole(run, group, GUARD_MS, 'full disk');
    },
    ROUNDS * 60_000 + 180_000,
  );

  it('[DCP-15.2-08] so full that PostgreSQL falls: the node says that it is not ready and why, and started again it gets everything', async () => {
    run.crowd.start(250);
    await disk.fill();
    const told = await eventually(async () => {
      await disk.fill();
      // The next piece of the write-ahead log has no place any more.
      await south()
        .query('select pg_switch_wal()')
        .catch(() => undefined);
      const text = await unready();
      if (text?.includes('PostgreSQL has ended') !== true) throw new Error(`the node says: ${text}`);
      return text;
    }, GUARD_MS);
    console.log(`not ready: ${told}`);
    await delay(1_000);
    await disk.free();
    await south().process?.kill();
    await group.restart(south());
    await expectWhole(run, group, GUARD_MS, 'PostgreSQL fell');
  }, 240_000);
});
