import { ensureServiceDatabase, startEmbeddedPostgres } from '@dcp/node-kit';
import type { NatsOptions } from '@dcp/testkit';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from '../cleanup.js';
import { startNats } from '../testkit.js';
import { childrenCalled, treeOf } from '../processes.js';

export interface BenchPostgres {
  readonly url: string;
  serviceUrl(service: string): Promise<string>;
  pids(): number[];
}

/** A PostgreSQL that syncs every commit to disk, as in production. */
export async function startDurablePostgres(cleanup: Cleanup): Promise<BenchPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dcp-bench-pg-'));
  await chmod(dataDir, 0o711);
  const server = await startEmbeddedPostgres({ dataDir });
  cleanup.add(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { adminUrl } = server;
  return {
    url: adminUrl,
    serviceUrl: (service) => ensureServiceDatabase({ adminUrl, service, password: 'bench' }),
    pids: () => treeOf(server.pid),
  };
}

export interface BenchNats {
  readonly url: string;
  readonly pids: number[];
}

/** A NATS of our own. */
export async function startBenchNats(cleanup: Cleanup, options: NatsOptions = {}): Promise<BenchNats> {
  const before = childrenCalled('nats-server');
  const nats = await startNats(options);
  cleanup.add(() => nats.stop());
  const pids = childrenCalled('nats-server').filter((pid) => !before.includes(pid));
  return { url: nats.url, pids };
}
