import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const ROOT = join(import.meta.dirname, '..', '..', '..', '..');
const CLI = join(ROOT, 'clients', 'cli', 'dist', 'main.js');
const HOME_NODE = join(ROOT, 'services', 'home-node', 'dist', 'main.js');

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Home nodes that know each other, and people who use the CLI, each with a profile. */
export class CliNodes {
  readonly #nodes = new Map<string, SpawnedService>();

  private constructor(
    readonly folder: string,
    private readonly ports: Record<string, number>,
  ) {}

  static async start(...ids: string[]): Promise<CliNodes> {
    const folder = await mkdtemp(join(tmpdir(), 'dcp-cli-nodes-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(folder, 0o711);
    await writeFile(join(folder, 'passphrase'), 'a good passphrase\n');
    const ports: Record<string, number> = {};
    for (const id of ids) ports[id] = await freePort();
    const nodes = new CliNodes(folder, ports);
    await Promise.all(ids.map((id) => nodes.#start(id)));
    return nodes;
  }

  /** As `profile`, with `input` on standard input. */
  dcpWith(input: string, profile: string, ...args: string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(this.folder, 'profiles'), DCP_PROFILE: profile };
      const child = execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
      child.stdin?.end(input);
    });
  }

  get passphrase(): string[] {
    return ['--passphrase-file', join(this.folder, 'passphrase')];
  }

  /** Makes an account and logs in; returns the user id. */
  async signUp(profile: string, node: string, name = profile): Promise<string> {
    const url = `http://127.0.0.1:${this.ports[node]}`;
    await this.dcpWith('', profile, 'identity', 'create', name, '--node', url, ...this.passphrase, '--kdf', 'pbkdf2');
    const { err } = await this.dcpWith('', profile, 'login', ...this.passphrase);
    if (/^dcp:/m.test(err)) throw new Error(err);
    const { out } = await this.dcpWith('', profile, 'whoami', '--json');
    return String((JSON.parse(out) as { user_id: string }).user_id);
  }

  async kill(id: string): Promise<void> {
    await this.#nodes.get(id)?.kill();
  }

  async close(): Promise<void> {
    for (const node of this.#nodes.values()) await node.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #start(id: string): Promise<void> {
    const file = join(this.folder, `${id}.json`);
    const others = Object.entries(this.ports).filter(([other]) => other !== id);
    const known_nodes = others.map(([other, port]) => {
      return { id: other, endpoint: `ws://127.0.0.1:${port}`, name: other, trust_level: 'trusted' };
    });
    await writeFile(file, JSON.stringify({ known_nodes }));
    const env = {
      DCP_NODE_ID: id,
      DCP_DATA_DIR: join(this.folder, id),
      DCP_PORT: String(this.ports[id]),
      DCP_FEDERATION_PORT: String(await freePort()),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '0',
      DCP_KNOWN_NODES_FILE: file,
    };
    this.#nodes.set(id, await spawnService({ script: HOME_NODE, env, ready: /Ctrl-C/, guardMs: 60_000 }));
  }
}
