import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { expectWhole, FULL, gatherAt, type FederationRun } from './federation-run.js';
import { NodeGroup } from './nodes/node-group.js';

const SECONDS = FULL ? 600 : 12;
const USERS = FULL ? 10 : 2;
const DELAY_MS = 300;
const SETTLE_MS = 45_000;

let group: NodeGroup;
let run: FederationRun;

beforeAll(async () => {
  await ready();
  group = await NodeGroup.start({ id: 'northnod' }, { id: 'southnod' });
  // Finding each other, the link, joining and everything else is as slow as what is said later.
  group.delay(DELAY_MS);
  const began = performance.now();
  run = await gatherAt(group, USERS);
  console.log(`everybody in all channels after ${((performance.now() - began) / 1_000).toFixed(1)} s`);
}, 120_000);

afterAll(async () => {
  await run?.crowd.end();
  await group?.end();
}, 60_000);

describe('two nodes that are far from each other', () => {
  it(
    '[DCP-16.2-04] 300 ms each way: all is ordered alike, and most posts of the far node are ordered at once',
    async () => {
      run.crowd.start(1_500);
      await delay(SECONDS * 1_000);
      await expectWhole(run, group, SETTLE_MS, `${DELAY_MS} ms each way`);
      const far = run.crowd.members.find(({ node }) => node === group.nodes[1]);
      const began = performance.now();
      await far?.client.sendAndWait(run.crowd.channels[0] ?? '', { text: 'how far is it?' });
      console.log(`a post of the far node was ordered after ${Math.round(performance.now() - began)} ms`);
      expect(run.history.queued).toBeLessThan(run.history.acknowledged / 2);
    },
    SECONDS * 1_000 + 120_000,
  );
});
