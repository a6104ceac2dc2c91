import { busPermissions } from '@dcp/contracts';
import { freePort, spawnService } from '../testkit.js';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Cleanup } from '../cleanup.js';
import { ROOT_FOLDER } from '../machine.js';
import { type BenchNode, NO_LIMITS } from './bench-node.js';
import { readNodeId } from '../prepare/rest.js';
import { startBenchNats, startDurablePostgres } from './stores.js';

export interface SeparateOptions {
  /** Gateways; auth and channel run once. */
  gateways?: number;
  env?: Record<string, string>;
}

type Service = 'gateway' | 'auth' | 'channel';

/** As in Kubernetes: each service a process of its own, over a real NATS and a real PostgreSQL. */
export async function startSeparate(cleanup: Cleanup, { gateways = 1, env = {} }: SeparateOptions = {}) {
  const users = busPermissions().map(({ service, ...subjects }) => ({ name: service, password: 'bench', ...subjects }));
  const [nats, postgres] = [await startBenchNats(cleanup, { users }), await startDurablePostgres(cleanup)];
  const nodeKey = randomBytes(32).toString('base64');
  const shared = { ...NO_LIMITS, NATS_URL: nats.url, DCP_NODE_KEY: nodeKey, DCP_BOUND_TO: 'loopback', ...env };
  const start = async (service: Service) => {
    const own = { NATS_USER: service, NATS_PASSWORD: 'bench', DCP_HEALTH_PORT: String(await freePort()) };
    const database = service === 'gateway' ? {} : { DATABASE_URL: await postgres.serviceUrl(service) };
    return await spawnMember(cleanup, service, { ...shared, ...own, ...database });
  };
  const [auth, channel] = [await start('auth'), await start('channel')];
  const doors: Member[] = [];
  for (let i = 0; i < gateways; i++) doors.push(await start('gateway'));
  const urls = doors.map(({ url }) => url);
  const node: BenchNode = {
    form: 'separate processes',
    urls,
    nodeId: await readNodeId(urls[0] ?? ''),
    nodeKey,
    doors: doors.map(({ pid }) => pid),
    processes: () => ({
      gateway: doors.map(({ pid }) => pid),
      channel: [channel.pid],
      auth: [auth.pid],
      nats: nats.pids,
      postgres: postgres.pids(),
    }),
    printed: () => ({ gateway: doors[0]?.output() ?? '', channel: channel.output(), auth: auth.output() }),
  };
  return node;
}

interface Member {
  pid: number;
  url: string;
  output: () => string;
}

async function spawnMember(cleanup: Cleanup, service: Service, env: Record<string, string>): Promise<Member> {
  const script = join(ROOT_FOLDER, 'services', service, 'dist', 'main.js');
  const port = String(await freePort());
  const all = service === 'gateway' ? { ...env, DCP_PORT: port } : env;
  const spawned = await spawnService({ script, env: all, ready: new RegExp(`${service} is up`), guardMs: 60_000 });
  cleanup.add(() => spawned.stop());
  return { pid: spawned.pid, url: `http://127.0.0.1:${port}`, output: () => spawned.output() };
}
