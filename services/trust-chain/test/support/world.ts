import {
  busPermissions,
  FEDERATION,
  type NodeLevel,
  PEER,
  type PeerKind,
  type Service,
  type Session,
  TRUST,
  type UserStanding,
} from '@dcp/contracts';
import { defaultNodeId, ed25519PublicKey, formatKey, randomBytes, ready, toBase64 } from '@dcp/crypto';
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
import { DcpError } from '@dcp/protocol';
import { expect } from '@jest/globals';
import {
  eventually,
  type FakeClock,
  fakeClock,
  startNats,
  startPostgres,
  type TestNats,
  type TestPostgres,
} from '@dcp/testkit';
import { trustChainConfigTable } from '../../src/config.js';
import { type RunningTrustChain, startTrustChain } from '../../src/index.js';

export type BusKind = 'in-process' | 'nats';
export const BOTH_BUSES: BusKind[] = ['in-process', 'nats'];

export interface Replica {
  trust: RunningTrustChain;
  health: Health;
  metrics: Metrics;
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  env?: Record<string, string>;
  logger?: Logger;
}

/** Whoever answers for a node on the other side of a link. */
export type Answerer = (kind: string, body: object, from: string) => Promise<object>;

/** The links between nodes, as the federation services would hold them: who is not there cannot be reached. */
export class Links {
  readonly #nodes = new Map<string, { key: string; answer: Answerer }>();
  readonly #former = new Map<string, string[]>();
  readonly #off = new Set<string>();

  join(nodeId: string, key: string, answer: Answerer): void {
    this.#nodes.set(nodeId, { key, answer });
  }

  cut(nodeId: string): void {
    this.#off.add(nodeId);
  }

  mend(nodeId: string): void {
    this.#off.delete(nodeId);
  }

  key(nodeId: string): string {
    return this.#reach(nodeId).key;
  }

  former(nodeId: string): string[] {
    return this.#former.get(nodeId) ?? [];
  }

  /** The node proves itself with another key from now on. */
  rotate(nodeId: string, key: string): void {
    const node = this.#reach(nodeId);
    this.#former.set(nodeId, [...this.former(nodeId), node.key]);
    this.#nodes.set(nodeId, { ...node, key });
  }

  ask(from: string, to: string, kind: string, body: object): Promise<object> {
    if (this.#off.has(from)) throw new DcpError('NODE_UNREACHABLE');
    return this.#reach(to).answer(kind, body, from);
  }

  #reach(nodeId: string): { key: string; answer: Answerer } {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || this.#off.has(nodeId)) throw new DcpError('NODE_UNREACHABLE');
    return node;
  }
}

/** One home node: its own PostgreSQL, its own bus, as many replicas of the service as a test wants, and the places of gateway and federation. */
export class TrustNode {
  readonly clock: FakeClock = fakeClock(Date.parse('2026-01-01T00:00:00.000Z'));
  readonly standings: UserStanding[] = [];
  readonly levels: NodeLevel[] = [];
  readonly id: string;
  readonly key: string;
  readonly #seed = randomBytes(32);
  readonly #replicas = new Set<Replica>();
  #databaseUrl = '';

  private constructor(
    readonly links: Links,
    readonly postgres: TestPostgres,
    private readonly nats: TestNats | undefined,
    /** As the gateway. */
    readonly bus: Bus,
    readonly federation: Bus,
    /** As another service of the node. */
    readonly connect: (service: Service) => Promise<Bus>,
    readonly admin: Pool,
  ) {
    this.id = defaultNodeId(ed25519PublicKey(this.#seed));
    this.key = formatKey('ed25519', ed25519PublicKey(this.#seed));
  }

  static async open(kind: BusKind, links: Links): Promise<TrustNode> {
    await ready();
    const postgres = await startPostgres();
    const nats = kind === 'nats' ? await startNats({ users: natsUsers() }) : undefined;
    const shared = createInProcessBus({ freeze: true });
    const connect = async (service: Service) => (nats === undefined ? shared : natsBus(nats, service));
    const admin = await createPool({ url: postgres.url, max: 2, applicationName: 'test', logger: silentLogger });
    const buses = [await connect('gateway'), await connect('federation')] as const;
    const node = new TrustNode(links, postgres, nats, ...buses, connect, admin);
    node.#databaseUrl = await postgres.serviceUrl('trust-chain');
    await node.#link();
    return node;
  }

  async #link(): Promise<void> {
    const { federation, links, bus } = this;
    federation.serve(
      FEDERATION.key,
      ({ node_id }) => ({ key: links.key(node_id), former: links.former(node_id) }),
      'federation',
    );
    federation.serve(
      FEDERATION.ask,
      async ({ node_id, kind, body }) => ({
        body: (await links.ask(this.id, node_id, kind, body)) as Record<string, unknown>,
      }),
      'federation',
    );
    links.join(this.id, this.key, (kind, body, from) =>
      federation.request(PEER[kind as PeerKind] as never, { peer: { node_id: from, trust: 'unknown' }, body } as never),
    );
    bus.subscribe(TRUST.standingChanged, (standing) => void this.standings.push(standing));
    federation.subscribe(TRUST.levelChanged, (level) => void this.levels.push(level));
    await Promise.all([federation.flush(), bus.flush()]);
  }

  async start({ env = {}, logger = silentLogger }: ReplicaOptions = {}): Promise<Replica> {
    const config = loadConfig(trustChainConfigTable, {
      DATABASE_URL: this.#databaseUrl,
      NATS_URL: 'given',
      DCP_NODE_KEY: toBase64(this.#seed),
      DCP_TRUST_SYNC_MS: '3600000',
      DCP_TRUST_SWEEP_MS: '50',
      ...env,
    });
    const pool = await createPool({ url: this.#databaseUrl, applicationName: 'trust-chain', logger: silentLogger });
    const bus = await this.connect('trust-chain');
    const [health, metrics] = [createHealth(), createMetrics({ service: 'trust-chain', processMetrics: false })];
    const close = async () => {
      if (this.nats !== undefined) await bus.close();
      await pool.end();
    };
    const trust = await startTrustChain({ config, bus, pool, logger, metrics, health, clock: this.clock }).catch(
      async (error: unknown) => {
        await close();
        throw error;
      },
    );
    await bus.flush();
    const stop = async () => {
      if (!this.#replicas.delete(replica)) return;
      await trust.stop();
      await close();
    };
    const replica: Replica = { trust, health, metrics, stop };
    this.#replicas.add(replica);
    return replica;
  }

  /** What the federation service says of a node that can be reached again. */
  async linkUp(node_id: string): Promise<void> {
    this.federation.publish(FEDERATION.linkUp, { node_id });
    await this.federation.flush();
  }

  async stopReplicas(): Promise<void> {
    for (const replica of this.#replicas) await replica.stop();
  }

  /** An administrator's session here. */
  get boss(): Session {
    return this.session({ user_id: `${this.id}.boss`, admin: true });
  }

  session(changes: Partial<Session> = {}): Session {
    const user_id = `${this.id}.somebody`;
    const plain = { session_id: 'ses_1', user_id, device: null, key: this.key, account_type: 'standard' as const };
    return { ...plain, admin: false, ...changes };
  }

  async standing(user_id: string): Promise<UserStanding> {
    const { standings } = await this.bus.request(TRUST.standings, {});
    return standings.find((standing) => standing.user_id === user_id) ?? { user_id };
  }

  async level(node_id: string): Promise<string> {
    const { levels } = await this.bus.request(TRUST.levels, {});
    return levels.find((level) => level.node_id === node_id)?.level ?? 'unknown';
  }

  async close(): Promise<void> {
    await this.stopReplicas();
    await this.federation.close();
    await this.bus.close();
    await this.nats?.stop();
    await this.admin.end();
    await this.postgres.stop();
  }
}

/** Waits until a user has this standing here, and nothing more. */
export function untilStanding(node: TrustNode, standing: UserStanding): Promise<void> {
  return eventually(async () => expect(await node.standing(standing.user_id)).toEqual(standing), 20_000);
}

/** Every service with exactly what the table of subjects allows it. */
export function natsUsers() {
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
