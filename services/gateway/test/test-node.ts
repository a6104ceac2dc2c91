import { randomBytes } from 'node:crypto';
import { busPermissions } from '@dcp/contracts';
import {
  connectNatsBus,
  createHealth,
  createInProcessBus,
  createLogger,
  createMetrics,
  createPool,
  loadConfig,
  silentLogger,
  type Bus,
  type Clock,
  type Health,
  type Metrics,
} from '@dcp/node-kit';
import { authConfigTable, startAuth } from '@dcp/service-auth';
import { channelConfigTable, startChannel } from '@dcp/service-channel';
import { keysConfigTable, startKeys } from '@dcp/service-keys';
import { eventually, fakeClock, startNats, startPostgres, type FakeClock, type TestNats } from '@dcp/testkit';
import { gatewayConfig, startGateway, type RunningGateway } from '../src/index.js';

export type BusKind = 'in process' | 'NATS';
export const BUS_KINDS: BusKind[] = ['in process', 'NATS'];

export interface TestNode {
  urls: string[];
  /** Base64 of the node's seed. */
  nodeKey: string;
  clock: FakeClock;
  nats: TestNats | undefined;
  gateways: RunningGateway[];
  healths: Health[];
  metrics: Metrics[];
  /** The bus as one of the node's services has it. */
  connect(service: string): Promise<Bus>;
  /** One more gateway on the same bus, with other settings. */
  addGateway(env?: Record<string, string>): Promise<string>;
  stop(): Promise<void>;
}

/** `DCP_TEST_LOG=1` shows what the services log. */
const testLogger =
  process.env['DCP_TEST_LOG'] === undefined ? silentLogger : createLogger({ service: 'test', level: 'debug' });

const DEFAULTS = {
  DCP_PORT: '0',
  DCP_RATE_LIMIT_FACTOR: '1000',
  DCP_CONNECTIONS_PER_ADDRESS: '10000',
  DCP_OFFLINE_GRACE_MS: '50',
  DCP_DRAIN_MS: '0',
};

/** The real auth, channel and keys services and some gateways, on a real PostgreSQL and the wished bus. */
export async function startTestNode(kind: BusKind, gateways = 2, env: Record<string, string> = {}): Promise<TestNode> {
  const clock = fakeClock(Date.now());
  const postgres = await startPostgres();
  const house = kind === 'NATS' ? await natsHouse() : inProcessHouse();
  const undo: (() => Promise<unknown>)[] = [() => postgres.stop(), () => house.stop()];
  const shared = { logger: testLogger, clock: clock as Clock };
  const nodeKey = randomBytes(32).toString('base64');
  const settings = async (service: string) => ({
    DATABASE_URL: await postgres.serviceUrl(service),
    NATS_URL: 'given',
    DCP_NODE_KEY: nodeKey,
    DCP_BOUND_TO: 'loopback',
    ...env,
  });
  const parts = async (service: string) => {
    const { DATABASE_URL: url } = await settings(service);
    const pool = await createPool({ url, applicationName: service, logger: silentLogger });
    undo.push(() => pool.end());
    return {
      ...shared,
      pool,
      bus: await house.connect(service),
      metrics: createMetrics({ service, processMetrics: false }),
      health: createHealth(),
    };
  };
  const channel = await startChannel({
    ...(await parts('channel')),
    config: loadConfig(channelConfigTable, await settings('channel')),
  });
  undo.push(() => channel.close());
  const keys = await startKeys({
    ...(await parts('keys')),
    config: loadConfig(keysConfigTable, await settings('keys')),
  });
  undo.push(() => keys.stop());
  const auth = await startAuth({
    ...(await parts('auth')),
    config: loadConfig(authConfigTable, await settings('auth')),
  });
  undo.push(() => auth.stop());
  const node: TestNode = {
    urls: [],
    nodeKey,
    clock,
    nats: house.nats,
    gateways: [],
    healths: [],
    metrics: [],
    connect: (service) => house.connect(service),
    addGateway: async (more = {}) => {
      const [metrics, health] = [createMetrics({ service: 'gateway', processMetrics: false }), createHealth()];
      const config = loadConfig(gatewayConfig, { ...DEFAULTS, ...env, ...more });
      const gateway = await startGateway({ ...shared, config, bus: await house.connect('gateway'), metrics, health });
      // Its doors open before auth has told it the keys of tokens; until then it answers 503.
      await eventually(async () => {
        if (!(await health.report()).ready) throw new Error('not ready');
      });
      node.gateways.push(gateway);
      node.healths.push(health);
      node.metrics.push(metrics);
      node.urls.push(gateway.url);
      return gateway.url;
    },
    stop: async () => {
      for (const gateway of node.gateways) await gateway.stop();
      for (const step of undo.toReversed()) await step();
    },
  };
  for (let i = 0; i < gateways; i++) await node.addGateway();
  return node;
}

interface House {
  nats: TestNats | undefined;
  connect(service: string): Promise<Bus>;
  stop(): Promise<void>;
}

function inProcessHouse(): House {
  const bus = createInProcessBus({ freeze: true, logger: testLogger });
  return { nats: undefined, connect: async () => bus, stop: () => bus.close() };
}

async function natsHouse(): Promise<House> {
  const users = busPermissions().map(({ service, ...subjects }) => ({ name: service, password: 'test', ...subjects }));
  const nats = await startNats({ users });
  const buses: Bus[] = [];
  return {
    nats,
    connect: async (user) => {
      const bus = await connectNatsBus({ servers: nats.url, user, password: 'test', name: user, logger: testLogger });
      buses.push(bus);
      return bus;
    },
    stop: async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await nats.stop();
    },
  };
}
