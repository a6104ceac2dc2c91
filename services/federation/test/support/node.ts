import { AUTH, FEDERATION, type NodeLevel, PEER, type PeerCall, type PeerKind, TRUST } from '@dcp/contracts';
import {
  defaultNodeId,
  randomBytes,
  ready,
  signDigest,
  toBase64,
  fromBase64,
  ed25519PublicKey,
  formatKey,
} from '@dcp/crypto';
import {
  type Bus,
  createHealth,
  createInProcessBus,
  createMetrics,
  createPool,
  type Health,
  loadConfig,
  type Logger,
  type Metrics,
  type Pool,
  type Rpc,
  silentLogger,
  systemClock,
} from '@dcp/node-kit';
import { DcpError, signingInput, type TrustLevel } from '@dcp/protocol';
import { startPostgres, type TestPostgres } from '@dcp/testkit';
import { federationConfigTable } from '../../src/config.js';
import { type RunningFederation, startFederation } from '../../src/index.js';

/** One instance of the federation service. */
export interface Instance {
  federation: RunningFederation;
  health: Health;
  metrics: Metrics;
  bus: Bus;
  pool: Pool;
  stop(): Promise<void>;
}

export interface InstanceOptions {
  env?: Record<string, string>;
  logger?: Logger;
}

type Handler = (call: PeerCall<Record<string, unknown>>) => object | Promise<object>;
type AnyRpc = Rpc<PeerCall<Record<string, unknown>>, object>;

/** Short enough for tests, long enough for a busy machine. */
const QUICK = {
  DCP_FEDERATION_RETRY_MS: '50',
  DCP_FEDERATION_LEASE_MS: '1000',
  DCP_FEDERATION_SCAN_MS: '300',
  DCP_FEDERATION_PORT: '0',
};

/** A node: its own database and bus, the federation service in as many instances as wanted, other services played by the test. */
export class TestNode {
  readonly seed = toBase64(randomBytes(32));
  readonly nodeId = defaultNodeId(ed25519PublicKey(fromBase64(this.seed)));
  /** What a peer has asked, in order. */
  readonly asked: { kind: string; call: PeerCall<Record<string, unknown>> }[] = [];
  /** The trust chain does not answer. */
  silent = false;
  readonly levels = new Map<string, TrustLevel>();
  readonly #instances = new Set<Instance>();
  #databaseUrl = '';

  private constructor(
    readonly postgres: TestPostgres,
    /** As all other services. */
    readonly bus: Bus,
    private readonly host: string,
    private readonly connect: () => Promise<Bus>,
  ) {
    bus.serve(AUTH.node, () => ({ document: this.baseDocument(), info: NO_INFO, policy: NO_POLICY }), 'auth');
    bus.serve(TRUST.levels, () => this.#rated(), 'trust-chain');
  }

  static async open(host: string, buses?: { bus: Bus; connect: () => Promise<Bus> }): Promise<TestNode> {
    await ready();
    const postgres = await startPostgres();
    const shared = buses?.bus ?? createInProcessBus({ freeze: true });
    const node = new TestNode(postgres, shared, host, buses?.connect ?? (() => Promise.resolve(shared)));
    node.#databaseUrl = await postgres.serviceUrl('federation');
    await shared.flush();
    return node;
  }

  /** For an instance in a process of its own. */
  get databaseUrl(): string {
    return this.#databaseUrl;
  }

  get publicKey(): string {
    return formatKey('ed25519', ed25519PublicKey(fromBase64(this.seed)));
  }

  ratings(): NodeLevel[] {
    return [...this.levels].map(([node_id, level]) => ({ node_id, level }));
  }

  #rated(): { levels: NodeLevel[] } {
    if (this.silent) throw new DcpError('MAINTENANCE_MODE');
    return { levels: this.ratings() };
  }

  /** Rates another node, as the trust chain does. */
  rate(node_id: string, level: TrustLevel): void {
    this.levels.set(node_id, level);
    this.bus.publish(TRUST.levelChanged, { node_id, level });
  }

  sign(object: object, type: 'NODE' | 'ROUTE' | 'ORDER'): string {
    return signDigest(fromBase64(this.seed), signingInput(type, object));
  }

  /** What the auth service says of the node. */
  baseDocument(): Record<string, unknown> {
    const sequence = Math.floor(Date.now() / 1000);
    const issued = new Date(sequence * 1000).toISOString();
    const plain = {
      id: this.nodeId,
      name: `node ${this.host}`,
      version: '1.0.0',
      features: [],
      keys: [this.publicKey],
    };
    const document = { ...plain, endpoints: [], binding: 'none', issued, sequence };
    return { ...document, signature: this.sign(document, 'NODE') };
  }

  /** Plays the service that owns a kind. */
  answers(kind: PeerKind, handler: Handler): void {
    this.bus.serve(
      PEER[kind] as unknown as AnyRpc,
      (call) => {
        this.asked.push({ kind, call });
        return handler(call);
      },
      kind,
    );
  }

  async start({ env = {}, logger = silentLogger }: InstanceOptions = {}): Promise<Instance> {
    const own = { DATABASE_URL: this.#databaseUrl, NATS_URL: 'given', DCP_NODE_KEY: this.seed };
    const config = loadConfig(federationConfigTable, { ...QUICK, ...own, DCP_FEDERATION_HOST: this.host, ...env });
    const pool = await createPool({ url: this.#databaseUrl, applicationName: 'federation', logger: silentLogger });
    const bus = await this.connect();
    const [health, metrics] = [createHealth(), createMetrics({ service: 'federation', processMetrics: false })];
    const federation = await startFederation({ config, bus, pool, logger, metrics, health, clock: systemClock });
    await bus.flush();
    const stop = async () => {
      if (!this.#instances.delete(instance)) return;
      await federation.stop();
      if (bus !== this.bus) await bus.close();
      await pool.end();
    };
    const instance: Instance = { federation, health, metrics, bus, pool, stop };
    this.#instances.add(instance);
    return instance;
  }

  /** Where other nodes find an instance. */
  place({ federation }: Instance): string {
    return `${this.host}:${federation.port}`;
  }

  /** Asks another node by way of this node's federation service. */
  async ask(
    node_id: string,
    kind: PeerKind,
    body: object,
    more: { via?: string; timeout_ms?: number } = {},
  ): Promise<Record<string, unknown>> {
    const options = { timeoutMs: 30_000 };
    return (await this.bus.request(FEDERATION.ask, { node_id, kind, body, ...more }, options)).body;
  }

  async stopAll(): Promise<void> {
    for (const instance of this.#instances) await instance.stop();
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.bus.close();
    await this.postgres.stop();
  }
}

const NO_INFO = { id: 'xxxxxxxx', name: '', version: '1', features: [] };
const NO_POLICY = { registration: 'open' as const, proof_of_work: { bits: 0, salt: '' } };
