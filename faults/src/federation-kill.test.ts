import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { expectWhole, FULL, gatherAt, type FederationRun } from './federation-run.js';
import { NodeGroup } from './nodes/node-group.js';

const KILLS = FULL ? 60 : 4;
const USERS = FULL ? 10 : 3;
const SETTLE_MS = 45_000;

let group: NodeGroup;
let run: FederationRun;

beforeAll(async () => {
  await ready();
  group = await NodeGroup.start({ id: 'northnod' }, { id: 'southnod' });
  run = await gatherAt(group, USERS);
}, 120_000);

afterAll(async () => {
  await run?.crowd.end();
  await group?.end();
}, 60_000);

describe('two nodes that are killed', () => {
  it(
    '[DCP-15.2-08] [DCP-14.3-02] with their databases, either and both at any moment, while users of both write: nothing is lost, repeated or ordered in two ways',
    async () => {
      run.crowd.start(250);
      for (let kill = 0; kill < KILLS; kill++) {
        await delay(500 + run.random() * 2_500);
        // Home and far node in turn, and both at last.
        const victims = kill === KILLS - 1 ? group.nodes : group.nodes.filter((_, n) => n === kill % 2);
        await Promise.all(victims.map((node) => node.process?.kill()));
        await delay(run.random() * 1_500);
        await Promise.all(victims.map((node) => group.restart(node)));
      }
      await delay(1_000);
      await expectWhole(run, group, SETTLE_MS, `${KILLS} kills`);
      expect(run.history.queued).toBeGreaterThan(0);
    },
    KILLS * 20_000 + 120_000,
  );
});
