import { AUTH, busPermissions, type DevicesQueued, KEYS, type Service, type StockLow } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import {
  type Bus,
  connectNatsBus,
  createHealth,
  createInProcessBus,
  createMetrics,
  createPool,
  type Health,
  loadConfig,
  type Logger,
  type Metrics,
  type Pool,
  silentLogger,
} from '@dcp/node-kit';
import type { DeviceReference } from '@dcp/protocol';
import { type FakeClock, fakeClock, startNats, startPostgres, type TestNats, type TestPostgres } from '@dcp/testkit';
import { keysConfigTable } from '../../src/config.js';
import { type RunningKeys, startKeys } from '../../src/index.js';

export type BusKind = 'in-process' | 'nats';
export const BOTH_BUSES: BusKind[] = ['in-process', 'nats'];

/** One replica of the service. */
export interface Instance {
  keys: RunningKeys;
  health: Health;
  metrics: Metrics;
  stop(): Promise<void>;
}

export interface InstanceOptions {
  env?: Record<string, string>;
  logger?: Logger;
}

/** A PostgreSQL, a bus of either kind, as many replicas as a test wants, and the places of the gateway and of the auth service on the bus. */
export class World {
  readonly clock: FakeClock = fakeClock(Date.parse('2026-01-01T00:00:00.000Z'));
  readonly queued: DevicesQueued[] = [];
  readonly low: StockLow[] = [];
  readonly #instances = new Set<Instance>();
  #databaseUrl = '';

  private constructor(
    readonly postgres: TestPostgres,
    readonly nats: TestNats | undefined,
    /** As the gateway. */
    readonly bus: Bus,
    readonly authBus: Bus,
    /** As the federation service. */
    readonly federationBus: Bus,
    private readonly connect: (service: Service) => Promise<Bus>,
    readonly admin: Pool,
  ) {}

  static async open(kind: BusKind): Promise<World> {
    await ready();
    const postgres = await startPostgres();
    const nats = kind === 'nats' ? await startNats({ users: natsUsers() }) : undefined;
    const shared = createInProcessBus({ freeze: true });
    const connect = async (service: Service) => (nats === undefined ? shared : natsBus(nats, service));
    const admin = await createPool({ url: postgres.url, max: 3, applicationName: 'test', logger: silentLogger });
    const [bus, authBus, federationBus] = [
      await connect('gateway'),
      await connect('auth'),
      await connect('federation'),
    ];
    const world = new World(postgres, nats, bus, authBus, federationBus, connect, admin);
    world.#databaseUrl = await postgres.serviceUrl('keys');
    world.bus.subscribe(KEYS.queued, (event) => void world.queued.push(event));
    world.bus.subscribe(KEYS.stockLow, (event) => void world.low.push(event));
    await world.bus.flush();
    return world;
  }

  async start({ env = {}, logger = silentLogger }: InstanceOptions = {}): Promise<Instance> {
    const given = { DATABASE_URL: this.#databaseUrl, NATS_URL: 'given', DCP_KEYS_SWEEP_MS: '3600000', ...env };
    const config = loadConfig(keysConfigTable, given);
    const pool = await createPool({ url: this.#databaseUrl, applicationName: 'keys', logger: silentLogger });
    const bus = await this.connect('keys');
    const [health, metrics] = [createHealth(), createMetrics({ service: 'keys', processMetrics: false })];
    const keys = await startKeys({ config, bus, pool, logger, metrics, health, clock: this.clock });
    await bus.flush();
    const stop = async () => {
      if (!this.#instances.delete(instance)) return;
      await keys.stop();
      if (this.nats !== undefined) await bus.close();
      await pool.end();
    };
    const instance: Instance = { keys, health, metrics, stop };
    this.#instances.add(instance);
    return instance;
  }

  /** What the auth service says of a device that its owner revoked. */
  async revoke({ user_id, device }: DeviceReference): Promise<void> {
    this.authBus.publish(AUTH.devicesChanged, { user_id, device, action: 'revoke', seq: 2, hash: 'sha256:0' });
    await this.authBus.flush();
  }

  /** Ends all replicas and empties every table. */
  async reset(): Promise<void> {
    await this.stopAll();
    const tables = await this.tables();
    if (tables.length > 0) await this.admin.query(`truncate ${tables.map((name) => `keys.${name}`).join(', ')}`);
    for (const heard of [this.queued, this.low]) heard.length = 0;
  }

  async stopAll(): Promise<void> {
    for (const instance of this.#instances) await instance.stop();
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.federationBus.close();
    await this.authBus.close();
    await this.bus.close();
    await this.nats?.stop();
    await this.admin.end();
    await this.postgres.stop();
  }

  async tables(): Promise<string[]> {
    const { rows } = await this.admin.query<{ tablename: string }>(
      `select tablename from pg_tables where schemaname = 'keys' and tablename <> '_prisma_migrations'`,
    );
    return rows.map(({ tablename }) => tablename);
  }

  /** Rows of all tables whose text holds `needle` anywhere. */
  async rowsNaming(needle: string): Promise<number> {
    let rows = 0;
    for (const table of await this.tables()) {
      const text = `select count(*)::int as n from keys.${table} t where position($1 in t::text) > 0`;
      rows += (await this.admin.query<{ n: number }>(text, [needle])).rows[0]?.n ?? 0;
    }
    return rows;
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.admin.query<{ n: number }>(`select count(*)::int as n from keys.${table}`);
    return rows[0]?.n ?? 0;
  }
}

/** Every service with exactly what the table of subjects allows it. */
function natsUsers() {
  return busPermissions().map(({ service, publish, subscribe }) => ({
    name: service,
    password: 'secret',
    publish,
    subscribe,
  }));
}

function natsBus(nats: TestNats, service: Service): Promise<Bus> {
  const login = { user: service, password: 'secret', name: service };
  return connectNatsBus({ servers: [nats.url], ...login, logger: silentLogger });
}
