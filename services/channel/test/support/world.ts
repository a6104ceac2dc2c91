import { at, busPermissions, CHANNEL, type Entry, type EntryBatch, type MembershipChanged } from '@dcp/contracts';
import { partitionOf, type Post, type PostResult, type Service, type StateChange } from '@dcp/contracts';
import { randomBytes, ready, toBase64 } from '@dcp/crypto';
import {
  type Bus,
  type Clock,
  connectNatsBus,
  createHealth,
  createInProcessBus,
  createMetrics,
  createPool,
  type Health,
  type Metrics,
  type Pool,
  silentLogger,
  systemClock,
} from '@dcp/node-kit';
import { startNats, startPostgres, type TestNats, type TestPostgres } from '@dcp/testkit';
import type { INestApplicationContext } from '@nestjs/common';
import { startChannel } from '../../src/channel.module.js';
import type { ChannelConfig } from '../../src/config.js';
import type { Parts } from '../../src/parts.js';
import type { Actor } from './actor.js';

export type BusKind = 'in-process' | 'nats';
export const BOTH_BUSES: BusKind[] = ['in-process', 'nats'];

/** One replica of the service. */
export interface Instance {
  app: INestApplicationContext;
  pool: Pool;
  health: Health;
  metrics: Metrics;
  stop(): Promise<void>;
}

export interface InstanceOptions {
  config?: Partial<ChannelConfig>;
  clock?: Clock;
  /** Puts something between the instance and its bus. */
  wrapBus?: (bus: Bus) => Bus;
}

/** A PostgreSQL, a bus of either kind, as many replicas as a test wants, and a gateway's place on the bus. */
export class World {
  readonly nodeKey = toBase64(randomBytes(32));
  readonly heard: EntryBatch[] = [];
  readonly changes: MembershipChanged[] = [];
  readonly #instances = new Set<Instance>();
  readonly #closers: (() => Promise<void>)[] = [];
  #databaseUrl = '';

  private constructor(
    readonly postgres: TestPostgres,
    readonly nats: TestNats | undefined,
    /** As the gateway. */
    readonly bus: Bus,
    /** As the account service. */
    readonly authBus: Bus,
    private readonly connect: (service: Service) => Promise<Bus>,
    readonly admin: Pool,
    readonly nodeId: string,
  ) {}

  static async open(kind: BusKind, nodeId = 'a7f3k9m2'): Promise<World> {
    await ready();
    const postgres = await startPostgres();
    const nats = kind === 'nats' ? await startNats({ users: natsUsers() }) : undefined;
    const shared = createInProcessBus({ freeze: true });
    const connect = async (service: Service) => (nats === undefined ? shared : natsBus(nats, service));
    const admin = await createPool({ url: postgres.url, max: 3, applicationName: 'test', logger: silentLogger });
    const world = new World(postgres, nats, await connect('gateway'), await connect('auth'), connect, admin, nodeId);
    world.#databaseUrl = await postgres.serviceUrl('channel');
    world.bus.subscribe(CHANNEL.entries, (batch) => void world.heard.push(batch));
    world.bus.subscribe(CHANNEL.membershipChanged, (change) => void world.changes.push(change));
    await world.bus.flush();
    return world;
  }

  async start(options: InstanceOptions = {}): Promise<Instance> {
    const pool = await createPool({ url: this.#databaseUrl, applicationName: 'channel', logger: silentLogger });
    const bus = await this.connect('channel');
    const health = createHealth();
    const metrics = createMetrics({ service: 'channel', processMetrics: false });
    const config = { nodeKey: this.nodeKey, nodeId: this.nodeId, ...options.config };
    const parts: Parts = {
      config,
      bus: options.wrapBus?.(bus) ?? bus,
      pool,
      logger: silentLogger,
      metrics,
      health,
      clock: options.clock ?? systemClock,
    };
    const app = await startChannel(parts);
    await bus.flush();
    const stop = async () => {
      if (!this.#instances.delete(instance)) return;
      await app.close();
      if (this.nats !== undefined) await bus.close();
      await pool.end();
    };
    const instance: Instance = { app, pool, health, metrics, stop };
    this.#instances.add(instance);
    return instance;
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.stop();
    for (const closer of this.#closers) await closer();
    await this.authBus.close();
    await this.bus.close();
    await this.nats?.stop();
    await this.admin.end();
    await this.postgres.stop();
  }

  /** Another place on the bus. */
  async listener(service: Service = 'gateway'): Promise<Bus> {
    const bus = await this.connect(service);
    if (this.nats !== undefined) this.#closers.push(() => bus.close());
    return bus;
  }

  async post(...posts: Post[]): Promise<PostResult[]> {
    const rpc = at(CHANNEL.post, partitionOf(posts[0]?.channel_id ?? ''));
    return (await this.bus.request(rpc, { posts })).results;
  }

  async postOne(post: Post): Promise<PostResult> {
    return (await this.post(post))[0] as PostResult;
  }

  async general(): Promise<string> {
    return (await this.bus.request(CHANNEL.resolve, { name: '#general' })).channel_id;
  }

  join({ session }: Actor, channelId: string): Promise<StateChange> {
    return this.bus.request(CHANNEL.join, { session, channel_id: channelId });
  }

  leave({ session }: Actor, channelId: string): Promise<StateChange> {
    return this.bus.request(CHANNEL.leave, { session, channel_id: channelId });
  }

  /** A channel of mode `node`, made and owned by the actor. */
  create({ session }: Actor, name: string): Promise<StateChange> {
    return this.bus.request(CHANNEL.create, { session, name, encryption: 'node' });
  }

  forget(userId: string): Promise<{ channels: number; entries: number }> {
    return this.authBus.request(CHANNEL.forgetUser, { user_id: userId });
  }

  /** The whole log of a channel, read as a gateway reads it. */
  async log(channelId: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (;;) {
      const after = entries.at(-1)?.seq ?? 0;
      const page = await this.bus.request(CHANNEL.range, { channel_id: channelId, after, limit: 500 });
      entries.push(...page.entries);
      if (page.entries.length === 0) return entries;
    }
  }

  /** Entries of a channel as they were heard on the bus, in that order. */
  heardOf(channelId: string): Entry[] {
    return this.heard.filter((batch) => batch.channel_id === channelId).flatMap((batch) => batch.entries);
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
  return connectNatsBus({
    servers: [nats.url],
    user: service,
    password: 'secret',
    name: service,
    logger: silentLogger,
  });
}
