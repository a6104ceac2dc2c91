import { freePort, spawnService } from '../testkit.js';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../cleanup.js';
import { ROOT_FOLDER } from '../machine.js';
import { treeOf } from '../processes.js';
import { type BenchNode, NO_LIMITS } from './bench-node.js';

const SCRIPT = join(ROOT_FOLDER, 'services', 'home-node', 'dist', 'main.js');

/** `npm start`: all services in one process over an in-process bus, with the embedded PostgreSQL. */
export async function startOneProcess(cleanup: Cleanup, env: Record<string, string> = {}): Promise<BenchNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dcp-bench-one-'));
  // The embedded server runs as another user when we are root.
  await chmod(dataDir, 0o711);
  const settings = { ...NO_LIMITS, DCP_DATA_DIR: dataDir, DCP_PORT: String(await freePort()), DCP_HEALTH_PORT: '0' };
  const ready = /home node (\w+) is up[\s\S]*address\s+(http\S+)/;
  const service = await spawnService({ script: SCRIPT, env: { ...settings, ...env }, ready, guardMs: 60_000 });
  cleanup.add(async () => {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { nodeKey } = JSON.parse(await readFile(join(dataDir, 'secrets.json'), 'utf8')) as { nodeKey: string };
  const [, nodeId = '', url = ''] = service.ready;
  return {
    form: 'one process',
    urls: [url],
    nodeId,
    nodeKey,
    doors: [service.pid],
    processes: () => ({ node: [service.pid], postgres: treeOf(service.pid).filter((pid) => pid !== service.pid) }),
    printed: () => ({ node: service.output() }),
  };
}
