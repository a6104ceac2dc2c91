import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createHealth,
  createInProcessBus,
  createMetrics,
  createPool,
  loadConfig,
  startHealthServer,
  systemClock,
  type Environment,
  type Health,
  type Logger,
  type Pool,
} from '@dcp/node-kit';
import { authConfigTable, startAuth } from '@dcp/service-auth';
import { channelConfigTable, startChannel } from '@dcp/service-channel';
import { federationConfigTable, startFederation } from '@dcp/service-federation';
import { gatewayConfig, startGateway } from '@dcp/service-gateway';
import { keysConfigTable, startKeys } from '@dcp/service-keys';
import { startTrustChain, trustChainConfigTable } from '@dcp/service-trust-chain';
import { ready } from '@dcp/crypto';
import type { HomeNodeConfig } from './config.js';
import { openDatabase } from './database.js';
import { homeIdentity } from './identity.js';
import type { DatabaseService } from './secrets.js';

export interface HomeNodeOptions {
  config: HomeNodeConfig;
  /** What the services read besides: ports, policies, limits. */
  env: Environment;
  logger: Logger;
  /** One line for each step of the start. */
  progress?: (text: string) => void;
}

export interface HomeNode {
  /** Where clients connect. */
  url: string;
  /** Where other nodes do. */
  federationPort: number;
  healthUrl: string;
  dataDir: string;
  nodeId: string;
  /** Printed once: makes its bearer the owner of a node that is open to a network. */
  ownerInvite: string | undefined;
  registration: string;
  accounts: number;
  stop(): Promise<void>;
}

/** What has to be undone, in reverse order, when the node stops or a later step fails. */
class Undo {
  private readonly steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  async run(): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) await step();
  }
}

/** All services of a node in this process, over one in-process bus and one PostgreSQL. */
export async function startHomeNode(options: HomeNodeOptions): Promise<HomeNode> {
  const undo = new Undo();
  try {
    return await start(options, undo);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function start(
  { config, env: given, logger, progress = () => undefined }: HomeNodeOptions,
  undo: Undo,
): Promise<HomeNode> {
  await ready();
  const gateway = loadConfig(gatewayConfig, given);
  const { identity, secrets, env } = await homeIdentity(config.dataDir, given);
  undo.add(async () => identity.close());
  const own = { metrics: createMetrics({ service: 'home-node' }), health: createHealth(), clock: systemClock };
  const shared = { ...own, identity };
  identity.watch({ ...own, logger });
  const health = await startHealthServer({ ...shared, port: config.healthPort, host: '127.0.0.1' });
  undo.add(() => health.stop());

  progress(config.databaseUrl === undefined ? 'starting the embedded PostgreSQL' : 'connecting to PostgreSQL');
  const database = await openDatabase(config, secrets, logger);
  undo.add(() => database.stop());
  shared.health.register('home-node.database', lostCheck(database.lost));

  const bus = createInProcessBus({ logger, metrics: shared.metrics });
  undo.add(() => bus.close());
  const rotations = join(config.dataDir, ROTATIONS_FILE);
  const id = { nodeId: secrets.nodeId, rotations: existsSync(rotations) ? rotations : undefined };
  const settings = serviceEnvironment(env, id, gateway, database.urls);
  const pool = (service: DatabaseService) => openPool(database.urls[service], service, logger, undo);

  progress('starting the services');
  const channelSettings = loadConfig(channelConfigTable, settings('channel'));
  const channel = await startChannel({ ...shared, config: channelSettings, bus, logger, pool: await pool('channel') });
  undo.add(() => channel.close());
  const keysSettings = loadConfig(keysConfigTable, settings('keys'));
  const keys = await startKeys({ ...shared, config: keysSettings, bus, logger, pool: await pool('keys') });
  undo.add(() => keys.stop());
  const authSettings = loadConfig(authConfigTable, settings('auth'));
  const auth = await startAuth({ ...shared, config: authSettings, bus, logger, pool: await pool('auth') });
  undo.add(() => auth.stop());
  const trustSettings = loadConfig(trustChainConfigTable, settings('trust-chain'));
  const trust = await startTrustChain({
    ...shared,
    config: trustSettings,
    bus,
    logger,
    pool: await pool('trust-chain'),
  });
  undo.add(() => trust.stop());
  const federationSettings = loadConfig(federationConfigTable, settings('federation'));
  const federation = await startFederation({
    ...shared,
    config: federationSettings,
    bus,
    logger,
    pool: await pool('federation'),
  });
  undo.add(() => federation.stop());
  const door = await startGateway({ ...shared, config: gateway, bus, logger });
  undo.add(() => door.stop());

  await untilReady(shared.health);
  const { nodeId, registration } = auth;
  const [ownerInvite, accounts] = [await auth.ownerInvite(), await auth.countAccounts()];
  const { dataDir } = config;
  return {
    url: door.url,
    federationPort: federation.port,
    healthUrl: health.url,
    dataDir,
    nodeId,
    registration,
    ownerInvite,
    accounts,
    stop: () => undo.run(),
  };
}

const READY_PATIENCE_MS = 15_000;
const READY_PAUSE_MS = 20;

/** The services tell each other a few things first. What is still missing after a while `/readyz` names. */
async function untilReady(health: Health): Promise<void> {
  const end = performance.now() + READY_PATIENCE_MS;
  while (!(await health.report()).ready && performance.now() < end) await delay(READY_PAUSE_MS);
}

async function openPool(url: string, service: string, logger: Logger, undo: Undo): Promise<Pool> {
  const pool = await createPool({ url, applicationName: service, logger });
  undo.add(() => pool.end());
  return pool;
}

/** The embedded server is a part of this process: without it nothing is served. */
function lostCheck(lost: Promise<void>): () => void {
  let gone = false;
  void lost.then(() => {
    gone = true;
  });
  return () => {
    if (gone) throw new Error('the embedded PostgreSQL has ended: restart the node');
  };
}

/** 8448 beside 8008: several nodes on one machine do not meet. */
function federationPort(port: number): number {
  return port === 0 || port + 440 > 65_535 ? 0 : port + 440;
}

/** What `dcp federation rotate-key --data` leaves in the data folder. */
const ROTATIONS_FILE = 'rotations.json';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Each service's configuration, with what the node knows itself: its id, its database, whether strangers can reach it. */
function serviceEnvironment(
  env: Environment,
  { nodeId, rotations }: { nodeId?: string | undefined; rotations: string | undefined },
  { host, port }: { host: string; port: number },
  urls: Record<DatabaseService, string>,
) {
  return (service: DatabaseService): Environment => ({
    ...env,
    DATABASE_URL: urls[service],
    DATABASE_URL_FILE: undefined,
    NATS_URL: 'in-process',
    DCP_FEDERATION_HOST: env['DCP_FEDERATION_HOST'] ?? host,
    DCP_FEDERATION_PORT: env['DCP_FEDERATION_PORT'] ?? String(federationPort(port)),
    DCP_NODE_ID: env['DCP_NODE_ID'] || nodeId,
    DCP_NODE_ROTATIONS_FILE: env['DCP_NODE_ROTATIONS_FILE'] ?? rotations,
    DCP_BOUND_TO: LOOPBACK.test(host) ? 'loopback' : 'network',
  });
}
