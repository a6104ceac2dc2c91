import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeUnderTest } from '../stranger/node-under-test.js';
import { sharedNode } from './shared-node.js';
import { NO_LIMITS, type StartedNode, startNode, type Topology } from './start-node.js';

/** With DCP_NODE_URL (several: separated by commas) the suite checks that node and starts none. */
const GIVEN = process.env['DCP_NODE_URL'];
const START_MS = 150_000;

export const startsNodes = GIVEN === undefined || GIVEN === '';

function topologies(): Topology[] {
  const wanted = process.env['DCP_TOPOLOGY'];
  if (wanted === 'one' || wanted === 'many') return [wanted];
  return ['one', 'many'];
}

/** A suite that must pass against any node: runs against each topology, or against the one given by its URL. */
export function conformance(title: string, tests: (node: NodeUnderTest) => void): void {
  if (!startsNodes) {
    onNode(`${title} (${GIVEN})`, async () => ({ urls: (GIVEN ?? '').split(','), pids: [] }), tests);
    return;
  }
  for (const topology of topologies()) onNode(`${title} (${topology})`, () => sharedNode(topology), tests);
}

/** As `conformance`, for what needs the node's owner or its processes: not against a node that somebody else runs. */
export function localConformance(title: string, tests: (node: NodeUnderTest) => void): void {
  if (startsNodes) conformance(title, tests);
}

function onNode(
  title: string,
  start: () => Promise<StartedNode | Parameters<NodeUnderTest['is']>[0]>,
  tests: (node: NodeUnderTest) => void,
): void {
  describe(title, () => {
    const node = new NodeUnderTest();
    beforeAll(async () => node.is(await start()), START_MS);
    afterEach(() => node.hangUp());
    tests(node);
  });
}

export interface OwnNodeOptions {
  env?: Record<string, string>;
  /** Leave the limits as they are by default. */
  limits?: boolean;
  output?: boolean;
}

/** A node in one process with settings of its own, for what the shared one cannot show (short lifetimes, limits, maintenance). */
export function ownNode(title: string, options: OwnNodeOptions, tests: (node: NodeUnderTest) => void): void {
  if (!startsNodes) return;
  describe(title, () => {
    const node = new NodeUnderTest();
    let started: StartedNode | undefined;
    beforeAll(async () => node.is((started = await startOwn(options))), START_MS);
    afterEach(() => node.hangUp());
    afterAll(async () => await started?.stop(), START_MS);
    tests(node);
  });
}

export function startOwn({ env = {}, limits = false, output = false }: OwnNodeOptions): Promise<StartedNode> {
  const folder = mkdtempSync(join(tmpdir(), 'dcp-conformance-own-'));
  return startNode({
    topology: 'one',
    folder,
    watch: process.pid,
    env: { ...(limits ? {} : NO_LIMITS), ...env },
    output,
  });
}
