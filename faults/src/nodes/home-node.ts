import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '@dcp/testkit';
import { Client } from 'pg';
import { NodeProcess } from './node-process.js';
import { Relay } from './relay.js';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');

export interface NodeOptions {
  id: string;
  /** Lies below it: data, database, the file of known nodes. */
  folder: string;
  env?: Record<string, string>;
  /** Somewhere else than below the folder. */
  dataDir?: string;
  /** Where this node lives; without: on the loopback address, with relays before it. */
  place?: Place | undefined;
}

/** Where a node lives, when it is not on this machine's own loopback address. */
export interface Place {
  /** Put before the node's command. */
  prefix: readonly string[];
  /** Where its clients find it. */
  clientHost: string;
  /** Where other nodes find it. */
  peerHost: string;
  env: Record<string, string>;
}

const FAST: Record<string, string> = {
  DCP_HEALTH_PORT: '0',
  DCP_DRAIN_MS: '0',
  DCP_RATE_LIMIT_FACTOR: '10000',
  DCP_CONNECTIONS_PER_ADDRESS: '10000',
  // A silent link is noticed within the time that a test has, and nodes are looked for as quickly.
  DCP_FEDERATION_PING_MS: '1000',
  DCP_FEDERATION_DEAD_MS: '4000',
  DCP_FEDERATION_RETRY_MS: '250',
  DCP_FEDERATION_SCAN_MS: '5000',
};

/** A home node with its own PostgreSQL, which keeps its addresses and its data when it is started again. */
export class HomeNode {
  process: NodeProcess | undefined;
  starts = 0;

  private constructor(
    private readonly options: NodeOptions,
    private readonly ports: { client: number; peer: number; health: number },
    /** Before its HTTP port and its port for nodes; other nodes know these only. */
    readonly relays: readonly Relay[],
  ) {}

  static async make(options: NodeOptions): Promise<HomeNode> {
    const ports = { client: await freePort(), peer: await freePort(), health: await freePort() };
    const inside = options.place === undefined ? [ports.client, ports.peer] : [];
    await mkdir(options.folder, { recursive: true, mode: 0o711 });
    return new HomeNode(options, ports, await Promise.all(inside.map((port) => Relay.start(port))));
  }

  get id(): string {
    return this.options.id;
  }

  get dataDir(): string {
    return this.options.dataDir ?? join(this.options.folder, 'data');
  }

  /** Of its clients, who are not behind the relays. */
  get endpoint(): string {
    return `ws://${this.options.place?.clientHost ?? '127.0.0.1'}:${this.ports.client}`;
  }

  /** What the file of known nodes says of it at the others. */
  get hint(): string {
    const { place } = this.options;
    return place === undefined
      ? `ws://127.0.0.1:${this.relays[0]?.port}`
      : `wss://${place.peerHost}:${this.ports.peer}`;
  }

  /** On its data folder and its ports. */
  async start(others: readonly HomeNode[]): Promise<void> {
    const { place } = this.options;
    const known = join(this.options.folder, 'known-nodes.json');
    const known_nodes = others.map(({ id, hint }) => ({ id, endpoint: hint, name: id, trust_level: 'trusted' }));
    await writeFile(known, JSON.stringify({ known_nodes }));
    const command = [...(place?.prefix ?? []), process.execPath, '--enable-source-maps', MAIN];
    this.process = await NodeProcess.start({ command, env: this.#env(known), ready: /Ctrl-C/ });
    this.starts++;
  }

  #env(known: string): Record<string, string> {
    const { id, place, env } = this.options;
    const peerPort = place === undefined ? this.relays[1]?.port : this.ports.peer;
    return {
      ...FAST,
      DCP_NODE_ID: id,
      DCP_DATA_DIR: this.dataDir,
      DCP_PORT: String(this.ports.client),
      DCP_FEDERATION_PORT: String(this.ports.peer),
      DCP_FEDERATION_URL: `wss://${place?.peerHost ?? '127.0.0.1'}:${peerPort}/federation/v1`,
      DCP_HEALTH_PORT: String(this.ports.health),
      DCP_KNOWN_NODES_FILE: known,
      ...place?.env,
      ...env,
    };
  }

  /** `/readyz` or `/metrics` of a node on this machine. */
  async health(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.ports.health}${path}`, {
      signal: AbortSignal.timeout(10_000),
    });
    return { status: response.status, text: await response.text() };
  }

  /** Of its database, as its superuser, over the socket: that is reached from every network. */
  async query<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    const folder = join(this.dataDir, 'postgres');
    const password = (await readFile(join(folder, 'postgres-password'), 'utf8')).trim();
    const port = Number((await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[3]);
    const client = new Client({ host: join(folder, 'run'), port, user: 'postgres', password, database: 'postgres' });
    // A server that dies under us is what these tests are about.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async end(): Promise<void> {
    if (this.process?.isRunning === true) await this.process.stop();
    await Promise.all(this.relays.map((relay) => relay.stop()));
  }
}
