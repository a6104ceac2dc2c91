import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const LINES = 40;
const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

/** A home node in a process of its own, which can be stopped, killed and started again. */
export class TestNode {
  process: SpawnedService | undefined;

  private constructor(
    readonly id: string,
    readonly folder: string,
    readonly port: number,
    readonly federationPort: number,
    private readonly env: Record<string, string>,
  ) {}

  /** `env`: settings besides those of every test. */
  static async make(folder: string, id: string, env: Record<string, string> = {}): Promise<TestNode> {
    return new TestNode(id, folder, await freePort(), await freePort(), env);
  }

  /** The same node, to be started with other settings. */
  with(env: Record<string, string>): TestNode {
    return new TestNode(this.id, this.folder, this.port, this.federationPort, { ...this.env, ...env });
  }

  get endpoint(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** The end of what it has logged, for the error of a test. */
  said(): string {
    const lines = this.process?.output().split('\n') ?? [];
    return [`${this.id}:`, ...lines.slice(-LINES)].join('\n');
  }

  /** Knows and trusts these nodes from the beginning. */
  async start(...known: TestNode[]): Promise<void> {
    const file = join(this.folder, `${this.id}.json`);
    const known_nodes = known.map(({ id, endpoint }) => ({ id, endpoint, name: id, trust_level: 'trusted' }));
    await writeFile(file, JSON.stringify({ known_nodes }));
    const env = {
      DCP_NODE_ID: this.id,
      DCP_DATA_DIR: join(this.folder, this.id),
      DCP_PORT: String(this.port),
      DCP_FEDERATION_PORT: String(this.federationPort),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '0',
      DCP_RATE_LIMIT_FACTOR: '100',
      DCP_KNOWN_NODES_FILE: file,
      ...this.env,
    };
    this.process = await spawnService({ script: MAIN, env, ready: /Ctrl-C/, guardMs: 60_000 });
  }
}
