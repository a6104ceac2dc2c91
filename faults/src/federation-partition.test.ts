import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { expectWhole, FULL, gatherAt, type FederationRun } from './federation-run.js';
import { NodeGroup } from './nodes/node-group.js';

const CUTS = FULL ? 60 : 3;
const USERS = FULL ? 10 : 3;
const OPEN_MS = 1_500;
const SETTLE_MS = 45_000;

let group: NodeGroup;
let run: FederationRun;

beforeAll(async () => {
  await ready();
  group = await NodeGroup.start({ id: 'northnod' }, { id: 'eastnode' }, { id: 'southnod' });
  run = await gatherAt(group, USERS);
}, 120_000);

afterAll(async () => {
  await run?.crowd.end();
  await group?.end();
}, 60_000);

describe('three nodes whose ways to each other are cut', () => {
  it(
    '[DCP-1.1-01] [DCP-14.3-02] silently and aloud, again and again, while all write: nothing is lost, repeated or ordered in two ways',
    async () => {
      run.crowd.start(400);
      for (let cut = 0; cut < CUTS; cut++) {
        await delay(OPEN_MS);
        group.cut(cut % 2 === 0 ? 'silent' : 'reset');
        // Long enough that some links are given up and some are not.
        await delay(2_000 + run.random() * 4_000);
        group.heal();
      }
      await delay(OPEN_MS);
      await expectWhole(run, group, SETTLE_MS, `${CUTS} cuts`);
      expect(run.history.queued).toBeGreaterThan(CUTS);
    },
    CUTS * 10_000 + 120_000,
  );
});
