import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@dcp/testkit';
import { NodeUnderTest } from '../stranger/node-under-test.js';
import { startsNodes } from './conformance.js';
import { NO_LIMITS, type StartedNode, startNode } from './start-node.js';

const START_MS = 300_000;

/** One line of a file of known nodes (§10.1). */
export interface KnownNode {
  id: string;
  endpoint: string;
  name: string;
  trust_level: 'trusted' | 'monitored' | 'blocked';
}

/** A home node with a process and a data folder of its own, that knows others; it can be killed and started again where it was. */
export class HomeNode extends NodeUnderTest {
  #started: StartedNode | undefined;
  #folder = '';
  #starts = 0;
  #env: Record<string, string> = {};
  endpoint = '';

  constructor(readonly nodeId: string) {
    super();
  }

  /** Where it will listen: others are told before it runs. */
  async settle(folder: string, env: Record<string, string> = {}): Promise<void> {
    const [port, federationPort] = [await freePort(), await freePort()];
    this.#folder = join(folder, this.nodeId);
    this.endpoint = `ws://127.0.0.1:${port}`;
    this.#env = {
      ...NO_LIMITS,
      DCP_NODE_ID: this.nodeId,
      DCP_PORT: String(port),
      DCP_FEDERATION_PORT: String(federationPort),
      DCP_DATA_DIR: join(this.#folder, 'data'),
      DCP_KNOWN_NODES_FILE: join(this.#folder, 'known-nodes.json'),
      DCP_DRAIN_MS: '0',
      ...env,
    };
    // The embedded PostgreSQL runs as another user when we are root.
    mkdirSync(join(this.#folder, 'data'), { recursive: true, mode: 0o711 });
  }

  knows(known_nodes: KnownNode[]): void {
    writeFileSync(join(this.#folder, 'known-nodes.json'), JSON.stringify({ known_nodes }));
  }

  async start(): Promise<void> {
    // One keeper's folder is never another's: the one before may still be tidying up.
    const folder = join(this.#folder, `run-${++this.#starts}`);
    this.#started = await startNode({ topology: 'one', folder, watch: process.pid, env: this.#env });
    this.is(this.#started);
  }

  /** As when its machine loses power: nobody is told. Its data stay. */
  async kill(): Promise<void> {
    for (const pid of this.#started?.pids ?? []) process.kill(pid, 'SIGKILL');
    await this.stop();
  }

  async stop(): Promise<void> {
    const started = this.#started;
    this.#started = undefined;
    await started?.stop();
  }
}

export interface ThreeNodes {
  north: HomeNode;
  south: HomeNode;
  west: HomeNode;
}

/** What each knows besides the two others. */
type MoreKnown = (nodes: ThreeNodes) => KnownNode[];

export function knownAs(id: string, { endpoint }: HomeNode): KnownNode {
  return { id, endpoint, name: id, trust_level: 'trusted' };
}

/** Three home nodes that trust each other, for what one alone cannot show. They serve one file of tests. */
export function threeNodes(title: string, tests: (nodes: ThreeNodes) => void, more: MoreKnown = () => []): void {
  if (!startsNodes) return;
  describe(title, () => {
    const nodes = { north: new HomeNode('northnod'), south: new HomeNode('southnod'), west: new HomeNode('westnode') };
    const all = Object.values(nodes);
    let folder = '';
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'dcp-conformance-three-'));
      chmodSync(folder, 0o711);
      for (const node of all) await node.settle(folder);
      for (const node of all) node.knows([...others(node, all), ...more(nodes)]);
      await Promise.all(all.map((node) => node.start()));
    }, START_MS);
    afterEach(async () => void (await Promise.all(all.map((node) => node.hangUp()))));
    afterAll(async () => {
      await Promise.all(all.map((node) => node.stop()));
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    }, START_MS);
    tests(nodes);
  });
}

function others(node: HomeNode, all: HomeNode[]): KnownNode[] {
  return all.filter((other) => other !== node).map((other) => knownAs(other.nodeId, other));
}
