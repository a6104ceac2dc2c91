import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busPermissions } from '@dcp/contracts';
import { ensureServiceDatabase, startEmbeddedPostgres } from '@dcp/node-kit';
import { captureLogger, eventually, freePort, spawnService, startNats, type SpawnedService } from '@dcp/testkit';
import { Client } from 'pg';
import { startNatsTap } from './nats-tap.js';
import { search, type Hit, type Needle } from './needles.js';

const SERVICES = ['channel', 'keys', 'auth', 'gateway'] as const;
type ServiceName = (typeof SERVICES)[number];
const FOLDER = join(import.meta.dirname, '..', '..', 'services');
/** What a spawned service's output keeps at most: as long as it is below, nothing of it is lost. */
const LOG_MAX = 256 * 1024;

/** A node in separate processes of which everything can be searched: its own PostgreSQL, and a NATS with a tap. */
export interface BlindNode {
  readonly url: string;
  readonly services: ReadonlyMap<ServiceName, SpawnedService>;
  readonly postgresPid: number;
  searchTables(needles: readonly Needle[]): Promise<Hit[]>;
  /** All files of the database, its WAL among them, after a checkpoint. */
  searchFiles(needles: readonly Needle[]): Promise<Hit[]>;
  searchTraffic(needles: readonly Needle[]): Hit[];
  /** What services and PostgreSQL printed, and the services' metrics. */
  searchLogs(needles: readonly Needle[]): Promise<Hit[]>;
  stop(): Promise<void>;
}

export async function startBlindNode(): Promise<BlindNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dcp-blind-'));
  await chmod(dataDir, 0o711);
  const log = captureLogger();
  const postgres = await startEmbeddedPostgres({ dataDir, logger: log.logger });
  const users = busPermissions().map(({ service, ...subjects }) => ({
    name: service,
    password: randomBytes(16).toString('hex'),
    ...subjects,
  }));
  const nats = await startNats({ users });
  const tap = await startNatsTap(nats.port);
  const nodeKey = randomBytes(32).toString('base64');
  const services = new Map<ServiceName, SpawnedService>();
  const health: string[] = [];
  let url = '';
  for (const service of SERVICES) {
    const [port, healthPort] = [await freePort(), await freePort()];
    const env: Record<string, string> = {
      DCP_BOUND_TO: 'loopback',
      DCP_RATE_LIMIT_FACTOR: '1000',
      DCP_LOG_LEVEL: 'trace',
      DCP_NODE_KEY: nodeKey,
      DCP_HEALTH_PORT: String(healthPort),
      NATS_URL: tap.url,
      NATS_USER: service,
      NATS_PASSWORD: users.find(({ name }) => name === service)?.password ?? '',
    };
    if (service === 'gateway') Object.assign(env, { DCP_PORT: String(port), DCP_DRAIN_MS: '100' });
    else
      env['DATABASE_URL'] = await ensureServiceDatabase({ adminUrl: postgres.adminUrl, service, password: 'secret' });
    if (service === 'gateway') url = `http://127.0.0.1:${port}`;
    health.push(`http://127.0.0.1:${healthPort}`);
    const script = join(FOLDER, service, 'dist', 'main.js');
    services.set(service, await spawnService({ script, env, ready: new RegExp(`${service} is up`), guardMs: 60_000 }));
  }
  await eventually(async () => {
    for (const one of health) if (!(await fetch(`${one}/readyz`)).ok) throw new Error(`${one} is not ready`);
  }, 60_000);
  return {
    url,
    services,
    postgresPid: postgres.pid,
    searchTables: (needles) => withClient(postgres.adminUrl, (client) => searchTables(client, needles)),
    searchFiles: async (needles) => {
      await withClient(postgres.adminUrl, (client) => client.query('checkpoint'));
      return await searchFolder(join(dataDir, 'data'), needles);
    },
    searchTraffic: (needles) => search(tap.traffic(), needles),
    searchLogs: async (needles) => {
      const texts = [...services].map(([name, service]) => wholeOutput(name, service.output()));
      const metrics = await Promise.all(health.map(async (one) => (await fetch(`${one}/metrics`)).text()));
      return search(Buffer.from([...texts, ...metrics, log.text()].join('\n')), needles);
    },
    stop: async () => {
      await Promise.all([...services.values()].map((service) => service.kill()));
      await tap.stop();
      await nats.stop();
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function wholeOutput(name: string, output: string): string {
  if (output.length >= LOG_MAX) throw new Error(`${name} has logged more than is kept: nothing is proven of its log`);
  return output;
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Every row of every table as text; bytes are shown in hex. */
async function searchTables(client: Client, needles: readonly Needle[]): Promise<Hit[]> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables`,
  );
  const hits: Hit[] = [];
  for (const { name } of tables) {
    const { rows } = await client.query<{ line: string }>(`select t::text as line from ${name} t`);
    const found = search(Buffer.from(rows.map(({ line }) => line).join('\n')), needles);
    hits.push(...found.map((hit) => ({ ...hit, around: `${name}: ${hit.around}` })));
  }
  return hits;
}

async function searchFolder(folder: string, needles: readonly Needle[]): Promise<Hit[]> {
  const hits: Hit[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const found = search(await readFile(path), needles);
    hits.push(...found.map((hit) => ({ ...hit, around: `${path.slice(folder.length)}: ${hit.around}` })));
  }
  return hits;
}
