import { freePort, spawnService, type SpawnedService } from '@dcp/testkit';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '..', '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');

export interface TestNode {
  /** As a person types it. */
  address: string;
  /** The process dies; `start` brings it back with its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** A home node of its own, as a process, with its data in a temporary folder. */
export async function startHomeNode(): Promise<TestNode> {
  const folder = await mkdtemp(join(tmpdir(), 'dcp-browser-'));
  // The embedded database runs as another user when we are root.
  await chmod(folder, 0o711);
  const port = await freePort();
  let service: SpawnedService | undefined;
  const start = async () => {
    const env = {
      DCP_DATA_DIR: join(folder, 'data'),
      DCP_PORT: String(port),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '0',
      DCP_RATE_LIMIT_FACTOR: '100',
    };
    service = await spawnService({ script: MAIN, env, ready: /Ctrl-C/, guardMs: 60_000 });
  };
  const kill = async () => {
    await service?.kill();
    service = undefined;
  };
  await start();
  const remove = async () => {
    await service?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { address: `127.0.0.1:${port}`, start, kill, remove };
}
