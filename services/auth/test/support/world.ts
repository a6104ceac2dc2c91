import {
  type AccountSettings,
  AUTH,
  busPermissions,
  CHANNEL,
  type DevicesChanged,
  KEYS,
  type Service,
  type SessionsRevoked,
  type UserMoved,
} from '@dcp/contracts';
import { defaultNodeId, ed25519PublicKey, fromBase64, randomBytes, ready, toBase64 } from '@dcp/crypto';
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
import { type FakeClock, fakeClock, startNats, startPostgres, type TestNats, type TestPostgres } from '@dcp/testkit';
import { authConfigTable } from '../../src/config.js';
import { type RunningAuth, startAuth } from '../../src/index.js';

export type BusKind = 'in-process' | 'nats';
export const BOTH_BUSES: BusKind[] = ['in-process', 'nats'];

/** Where clients of the tests connect. */
export const ORIGIN = { address: '192.0.2.7', endpoint: 'wss://chat.example.com' };

/** One replica of the service. */
export interface Instance {
  auth: RunningAuth;
  pool: Pool;
  health: Health;
  metrics: Metrics;
  stop(): Promise<void>;
}

export interface InstanceOptions {
  env?: Record<string, string>;
  logger?: Logger;
}

/**
 * A PostgreSQL, a bus of either kind, as many replicas as a test wants, the gateway's place on the bus, and those of the channel
 * and keys services, which a test lets forget users or refuse to.
 */
export class World {
  readonly nodeKey = toBase64(randomBytes(32));
  readonly nodeId = defaultNodeId(ed25519PublicKey(fromBase64(this.nodeKey)));
  /** Begins between two seconds, as real clocks do. */
  readonly clock: FakeClock = fakeClock(Date.parse('2026-01-01T00:00:00.500Z'));
  readonly revoked: SessionsRevoked[] = [];
  readonly settings: AccountSettings[] = [];
  readonly devicesChanged: DevicesChanged[] = [];
  readonly moved: UserMoved[] = [];
  readonly forgotten: string[] = [];
  readonly forgottenKeys: string[] = [];
  /** What the channel service does when it is asked to forget a user. */
  forget: (userId: string) => Promise<void> = async () => {};
  /** What the keys service does then. */
  forgetKeys: (userId: string) => Promise<void> = async () => {};
  readonly #instances = new Set<Instance>();
  #databaseUrl = '';

  private constructor(
    readonly kind: BusKind,
    readonly postgres: TestPostgres,
    readonly nats: TestNats | undefined,
    /** As the gateway. */
    readonly bus: Bus,
    readonly channelBus: Bus,
    readonly keysBus: Bus,
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
    const [bus, channelBus] = [await connect('gateway'), await connect('channel')];
    const keysBus = await connect('keys');
    const federationBus = await connect('federation');
    const world = new World(kind, postgres, nats, bus, channelBus, keysBus, federationBus, connect, admin);
    world.#databaseUrl = await postgres.serviceUrl('auth');
    await world.#listen();
    return world;
  }

  async #listen(): Promise<void> {
    this.bus.subscribe(AUTH.sessionsRevoked, (event) => void this.revoked.push(event));
    this.bus.subscribe(AUTH.userMoved, (event) => void this.moved.push(event));
    this.bus.subscribe(AUTH.settingsChanged, (event) => void this.settings.push(event));
    const forgetUser = async ({ user_id }: { user_id: string }) => {
      await this.forget(user_id);
      this.forgotten.push(user_id);
      return { channels: 0, entries: 0 };
    };
    this.channelBus.serve(CHANNEL.forgetUser, forgetUser, 'channel');
    const forgetKeys = async ({ user_id }: { user_id: string }) => {
      await this.forgetKeys(user_id);
      this.forgottenKeys.push(user_id);
      return { deleted: 0 };
    };
    this.keysBus.serve(KEYS.forgetUser, forgetKeys, 'keys');
    this.keysBus.subscribe(AUTH.devicesChanged, (event) => void this.devicesChanged.push(event));
    await Promise.all([this.bus.flush(), this.channelBus.flush(), this.keysBus.flush()]);
  }

  /** A node on loopback, open to everybody, unless `env` says something else. */
  async start({ env = {}, logger = silentLogger }: InstanceOptions = {}): Promise<Instance> {
    const config = loadConfig(authConfigTable, {
      DATABASE_URL: this.#databaseUrl,
      NATS_URL: 'given',
      DCP_NODE_KEY: this.nodeKey,
      DCP_BOUND_TO: 'loopback',
      DCP_SWEEP_MS: '3600000',
      ...env,
    });
    const pool = await createPool({ url: this.#databaseUrl, applicationName: 'auth', logger: silentLogger });
    const bus = await this.connect('auth');
    const [health, metrics] = [createHealth(), createMetrics({ service: 'auth', processMetrics: false })];
    const auth = await startAuth({ config, bus, pool, logger, metrics, health, clock: this.clock });
    await bus.flush();
    const stop = async () => {
      if (!this.#instances.delete(instance)) return;
      await auth.stop();
      if (this.nats !== undefined) await bus.close();
      await pool.end();
    };
    const instance: Instance = { auth, pool, health, metrics, stop };
    this.#instances.add(instance);
    return instance;
  }

  /** Ends all replicas and empties every table: an untouched node. */
  async reset(): Promise<void> {
    await this.stopAll();
    const tables = await this.tables();
    if (tables.length > 0) await this.admin.query(`truncate ${tables.map((name) => `auth.${name}`).join(', ')}`);
    this.forget = async () => {};
    this.forgetKeys = async () => {};
    const heard = [this.revoked, this.settings, this.devicesChanged, this.moved, this.forgotten, this.forgottenKeys];
    for (const each of heard) each.length = 0;
  }

  async stopAll(): Promise<void> {
    for (const instance of this.#instances) await instance.stop();
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.federationBus.close();
    await this.keysBus.close();
    await this.channelBus.close();
    await this.bus.close();
    await this.nats?.stop();
    await this.admin.end();
    await this.postgres.stop();
  }

  async tables(): Promise<string[]> {
    const { rows } = await this.admin.query<{ tablename: string }>(
      `select tablename from pg_tables where schemaname = 'auth' and tablename <> '_prisma_migrations'`,
    );
    return rows.map(({ tablename }) => tablename);
  }

  /** Rows of all tables whose text holds `needle` anywhere. */
  async rowsNaming(needle: string): Promise<number> {
    let rows = 0;
    for (const table of await this.tables()) {
      const text = `select count(*)::int as n from auth.${table} t where position($1 in t::text) > 0`;
      rows += (await this.admin.query<{ n: number }>(text, [needle])).rows[0]?.n ?? 0;
    }
    return rows;
  }

  async count(table: string): Promise<number> {
    const { rows } = await this.admin.query<{ n: number }>(`select count(*)::int as n from auth.${table}`);
    return rows[0]?.n ?? 0;
  }

  /** Every live revocation, as a gateway loads them. */
  async revocations(): Promise<Map<string, number>> {
    const all = new Map<string, number>();
    let after: string | undefined;
    do {
      const page = await this.bus.request(AUTH.revocations, { after });
      for (const { session_id, expires } of page.sessions) all.set(session_id, expires);
      after = page.next;
    } while (after !== undefined);
    return all;
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
