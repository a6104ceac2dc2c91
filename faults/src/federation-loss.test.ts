import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { expectWhole, FULL, gatherAt, type FederationRun } from './federation-run.js';
import { Namespaces } from './nodes/namespaces.js';
import { NodeGroup } from './nodes/node-group.js';

const SECONDS = FULL ? 600 : 12;
const USERS = FULL ? 10 : 3;
const LOSS = 30;
const SETTLE_MS = 90_000;

let networks: Namespaces;
let group: NodeGroup;
let run: FederationRun;

beforeAll(async () => {
  await ready();
  networks = await Namespaces.make();
  const [north, south] = networks.places;
  group = await NodeGroup.start({ id: 'northnod', place: north }, { id: 'southnod', place: south });
  run = await gatherAt(group, USERS);
}, 120_000);

afterAll(async () => {
  await run?.crowd.end();
  await group?.end();
  await networks?.end();
}, 60_000);

describe('two nodes on a way that loses packets', () => {
  it(
    '[DCP-16.2-04] [DCP-14.3-02] of a hundred packets thirty are lost in each direction, to the end: all is ordered alike, nothing is lost or repeated',
    async () => {
      await networks.lose(LOSS);
      run.crowd.start(500);
      await delay(SECONDS * 1_000);
      await expectWhole(run, group, SETTLE_MS, `${LOSS} % loss`);
      const lost = await networks.lost();
      console.log(`${lost} packets lost`);
      expect(lost).toBeGreaterThan(SECONDS);
    },
    SECONDS * 1_000 + 2 * SETTLE_MS + 60_000,
  );
});
