import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningNode } from '../stranger/node-under-test.js';
import { until } from '../stranger/until.js';

/** `one`: all services in one process. `many`: two gateways, auths and channels as processes over a real NATS and PostgreSQL. */
export type Topology = 'one' | 'many';

export interface StartOptions {
  topology: Topology;
  /** Made here; its keeper removes it. */
  folder: string;
  /** The node lives as long as this process. */
  watch: number;
  env: Record<string, string>;
  /** Keep what the node prints in `<folder>/output.txt`. */
  output?: boolean;
}

export interface StartedNode extends RunningNode {
  keeper: number;
  stop(): Promise<void>;
}

const START_GUARD_MS = 90_000;

/** Suites that are not about limits must not meet them. */
export const NO_LIMITS = {
  DCP_RATE_LIMIT_FACTOR: '10000',
  DCP_CONNECTIONS_PER_ADDRESS: '100000',
  DCP_BANDWIDTH_BYTES_PER_MINUTE: '10000000000',
};

/** Starts a node beside this process. Rejects with what it printed when it does not come up. */
export async function startNode(options: StartOptions): Promise<StartedNode> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const keeper = spawnKeeper(options);
  const file = join(folder, 'started.json');
  const started = await until(() => (existsSync(file) ? readFileSync(file, 'utf8') : undefined), START_GUARD_MS);
  const { error, ...running } = JSON.parse(started) as RunningNode & { error?: string };
  const stop = async () => {
    process.kill(keeper, 'SIGTERM');
    await until(() => (existsSync(folder) ? undefined : true), 30_000);
  };
  if (error !== undefined) {
    await stop();
    throw new Error(`the node did not start: ${error}`);
  }
  const outputFile = options.output === true ? { outputFile: join(folder, 'output.txt') } : {};
  return { ...running, ...outputFile, keeper, stop };
}

/** A process of its own, because the node outlives the test file that started it. */
function spawnKeeper(options: StartOptions): number {
  const log = openSync(join(options.folder, 'keeper.log'), 'w', 0o600);
  const script = fileURLToPath(new URL('./keeper.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], DATABASE_URL: process.env['DATABASE_URL'] },
  });
  child.unref();
  closeSync(log);
  if (child.pid === undefined) throw new Error('the keeper of the node did not start');
  return child.pid;
}
