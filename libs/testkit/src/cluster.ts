import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { busPermissions } from '@dcp/contracts';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { startNats, type TestNats } from './nats.js';
import { startPostgres, type TestPostgres } from './postgres.js';
import { spawnService, type SpawnedService } from './spawn-service.js';

export interface ClusterOptions {
  /** Processes of each service. Default 2 each. */
  gateways?: number;
  auths?: number;
  channels?: number;
  keyServices?: number;
  /** Default none: a node without them knows no other. */
  federations?: number;
  trustChains?: number;
  /** For every process. */
  env?: Record<string, string>;
}

type ServiceName = 'gateway' | 'auth' | 'keys' | 'channel' | 'federation' | 'trust-chain';

export interface ClusterMember {
  readonly name: string;
  readonly service: ServiceName;
  /** Changes with every restart. */
  readonly process: SpawnedService;
  /** Where clients connect; gateways only. The same after a restart. */
  readonly url: string | undefined;
  /** Where it listens, if it does: for clients, or for other nodes. */
  readonly port: number;
  readonly healthUrl: string;
}

/** A node in separate processes over a real NATS and a real PostgreSQL. */
export interface Cluster {
  readonly nats: TestNats;
  readonly postgres: TestPostgres;
  readonly members: readonly ClusterMember[];
  /** Of every gateway. */
  readonly urls: readonly string[];
  /** SIGKILL; returns when the process is gone. */
  kill(name: string): Promise<void>;
  /** SIGTERM, and waits for the orderly end. */
  stopMember(name: string): Promise<void>;
  /** Starts a member again that was killed or stopped. */
  restart(name: string): Promise<void>;
  stop(): Promise<void>;
}

interface Slot {
  name: string;
  service: ServiceName;
  env: Record<string, string>;
  url: string | undefined;
  port: number;
  healthUrl: string;
  process: SpawnedService;
}

const SERVICES_FOLDER = join(import.meta.dirname, '..', '..', '..', 'services');

/** Starts everything at the same time: any service may start first. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const {
    gateways = 2,
    auths = 2,
    channels = 2,
    keyServices = 2,
    federations = 0,
    trustChains = 0,
    env = {},
  } = options;
  const users = busPermissions().map(({ service, ...subjects }) => ({
    name: service,
    password: secret(),
    ...subjects,
  }));
  const [nats, postgres] = await Promise.all([startNats({ users }), startPostgres()]);
  const shared = { DCP_NODE_KEY: randomBytes(32).toString('base64'), ...env, NATS_URL: nats.url };
  const wanted = [
    ...names('channel', channels),
    ...names('keys', keyServices),
    ...names('auth', auths),
    ...names('federation', federations),
    ...names('trust-chain', trustChains),
    ...names('gateway', gateways),
  ];
  const passwords = new Map(users.map(({ name, password }) => [name, password]));
  const slots = await Promise.all(
    wanted.map(({ name, service }) =>
      openSlot(name, service, { ...shared, NATS_USER: service, NATS_PASSWORD: passwords.get(service) ?? '' }, postgres),
    ),
  );
  await Promise.all(slots.map(({ healthUrl }) => isReady(healthUrl)));
  return clusterOf(slots, nats, postgres);
}

const READY_GUARD_MS = 60_000;

async function isReady(healthUrl: string): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(`${healthUrl}/readyz`);
    if (!answer.ok) throw new Error(await answer.text());
  }, READY_GUARD_MS);
}

function secret(): string {
  return randomBytes(16).toString('hex');
}

function names(service: ServiceName, count: number): { name: string; service: ServiceName }[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${service}-${i + 1}`, service }));
}

async function openSlot(
  name: string,
  service: ServiceName,
  shared: Record<string, string>,
  postgres: TestPostgres,
): Promise<Slot> {
  const [port, healthPort] = [await freePort(), await freePort()];
  const env: Record<string, string> = { ...shared, DCP_HEALTH_PORT: String(healthPort) };
  if (service === 'gateway')
    Object.assign(env, { DCP_PORT: String(port), DCP_DRAIN_MS: shared['DCP_DRAIN_MS'] ?? '1000' });
  else env['DATABASE_URL'] = await postgres.serviceUrl(service);
  if (service === 'federation')
    Object.assign(env, { DCP_FEDERATION_HOST: '127.0.0.1', DCP_FEDERATION_PORT: String(port) });
  const url = service === 'gateway' ? `http://127.0.0.1:${port}` : undefined;
  return {
    name,
    service,
    env,
    url,
    port,
    healthUrl: `http://127.0.0.1:${healthPort}`,
    process: await spawnMember(service, env),
  };
}

function spawnMember(service: ServiceName, env: Record<string, string>): Promise<SpawnedService> {
  const script = join(SERVICES_FOLDER, service, 'dist', 'main.js');
  return spawnService({ script, env, ready: new RegExp(`${service} is up`), guardMs: 60_000 });
}

function clusterOf(slots: Slot[], nats: TestNats, postgres: TestPostgres): Cluster {
  const slot = (name: string) => {
    const found = slots.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no member is called ${name}`);
    return found;
  };
  return {
    nats,
    postgres,
    members: slots,
    urls: slots.map(({ url }) => url).filter((url) => url !== undefined),
    kill: async (name) => void (await slot(name).process.kill()),
    stopMember: async (name) => void (await slot(name).process.stop()),
    restart: async (name) => {
      const one = slot(name);
      one.process = await spawnMember(one.service, one.env);
    },
    stop: async () => {
      await Promise.all(slots.map((one) => one.process.kill()));
      await nats.stop();
      await postgres.stop();
    },
  };
}
