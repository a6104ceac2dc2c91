import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Actor } from '../stranger/actor.js';
import { NodeUnderTest, type RunningNode } from '../stranger/node-under-test.js';
import { until } from '../stranger/until.js';
import { NO_LIMITS, startNode, type Topology } from './start-node.js';

const GUARD_MS = 120_000;

/**
 * One node of each topology serves all test files of a jest run: whichever comes first starts it and registers its owner, the others wait;
 * it ends when jest does. Jest's workers share nothing but the file system, so the meeting point is a folder named after jest's process.
 */
export async function sharedNode(topology: Topology): Promise<RunningNode> {
  const meeting = join(tmpdir(), `dcp-conformance-${jestPid()}-${topology}`);
  try {
    mkdirSync(meeting, { mode: 0o711 });
  } catch {
    return await startedByAnother(meeting, topology);
  }
  return await startHere(meeting, topology);
}

/** Workers are forked by jest; in band the tests run in jest itself. */
function jestPid(): number {
  return process.send === undefined ? process.pid : process.ppid;
}

async function startHere(folder: string, topology: Topology): Promise<RunningNode> {
  try {
    const running = await startNode({ topology, folder, watch: jestPid(), env: NO_LIMITS });
    const shared = { ...running, owner: await registerOwner(running) };
    announce(folder, shared);
    return shared;
  } catch (error) {
    mkdirSync(folder, { recursive: true });
    announce(folder, { error: String(error) });
    throw error;
  }
}

/** The first account of a node that is open to its own machine only is its owner (profile §3). */
async function registerOwner(running: RunningNode): Promise<{ seed: string; userId: string }> {
  const node = new NodeUnderTest();
  node.is(running);
  const owner = await Actor.register(node, {});
  return { seed: owner.identityKey.seed.toString('base64'), userId: owner.userId };
}

function announce(folder: string, value: object): void {
  writeFileSync(join(folder, 'ready.new'), JSON.stringify(value), { mode: 0o600 });
  renameSync(join(folder, 'ready.new'), join(folder, 'ready.json'));
}

async function startedByAnother(folder: string, topology: Topology): Promise<RunningNode> {
  const text = await until(() => read(join(folder, 'ready.json')), GUARD_MS);
  const { error, keeper, ...running } = JSON.parse(text) as RunningNode & { error?: string; keeper: number };
  if (error !== undefined) throw new Error(error);
  if (lives(keeper)) return running;
  // Left behind by a run that was killed, whose process number jest has now.
  rmSync(folder, { recursive: true, force: true });
  return await sharedNode(topology);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
