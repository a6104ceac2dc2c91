import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Place } from './home-node.js';

const run = promisify(execFile);
/** RFC 2544: addresses for tests of networks; nobody's. Each process takes a /24 of its own. */
const NET = `198.18.${process.pid % 256}`;
/** What a node that is open to a network asks of a registration at least. */
const WORK_BITS = 16;

/** Both ends of the lossy way (`.1`, `.2`), and of the ways on which clients reach the nodes, which lose nothing. */
const ENDS = [
  { peer: `${NET}.1`, client: `${NET}.6`, outside: `${NET}.5` },
  { peer: `${NET}.2`, client: `${NET}.10`, outside: `${NET}.9` },
] as const;

/** Two networks of this machine with one way between them, on which packets can be lost, in both directions alike. */
export class Namespaces {
  readonly #names = ENDS.map((_, n) => `dcp-${process.pid}-${n}`);

  private constructor() {}

  /** Throws a sentence that says what is missing where this machine cannot make networks. */
  static async make(): Promise<Namespaces> {
    const made = new Namespaces();
    try {
      await made.#build();
      return made;
    } catch (error) {
      await made.end();
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(
        `The test of lost packets needs networks of its own: run it as root (or with CAP_NET_ADMIN and CAP_SYS_ADMIN) on Linux, ` +
          `with the packages iproute2 and nftables installed. What failed: ${why}`,
        { cause: error },
      );
    }
  }

  /** Where nodes live, one in each network. */
  get places(): Place[] {
    return ENDS.map(({ peer, client }, n) => ({
      prefix: ['ip', 'netns', 'exec', this.#names[n] ?? ''],
      clientHost: client,
      peerHost: peer,
      env: {
        DCP_HOST: '0.0.0.0',
        DCP_FEDERATION_ALLOW_PRIVATE: 'true',
        DCP_REGISTRATION: 'open',
        DCP_PROOF_OF_WORK_BITS: String(WORK_BITS),
      },
    }));
  }

  async #build(): Promise<void> {
    for (const name of this.#names) await run('ip', ['netns', 'add', name]);
    const [first = '', second = ''] = this.#names;
    await run('ip', [
      'link',
      'add',
      'name',
      'way',
      'netns',
      first,
      'type',
      'veth',
      'peer',
      'name',
      'way',
      'netns',
      second,
    ]);
    for (const [n, { peer, client, outside }] of ENDS.entries()) {
      const name = this.#names[n] ?? '';
      const door = doorOf(n);
      await run('ip', ['link', 'add', door, 'type', 'veth', 'peer', 'name', 'door', 'netns', name]);
      await run('ip', ['address', 'add', `${outside}/30`, 'dev', door]);
      await run('ip', ['link', 'set', door, 'up']);
      await run('ip', ['-n', name, 'address', 'add', `${client}/30`, 'dev', 'door']);
      await run('ip', ['-n', name, 'address', 'add', `${peer}/30`, 'dev', 'way']);
      for (const device of ['lo', 'door', 'way']) await run('ip', ['-n', name, 'link', 'set', device, 'up']);
    }
  }

  /** So many of a hundred packets that come over the way between the nodes are dropped, at both ends. */
  async lose(percent: number): Promise<void> {
    const chain = 'type filter hook input priority 0;';
    const rule = `iifname "way" numgen random mod 100 < ${percent} counter drop`;
    for (const name of this.#names) {
      await run('ip', ['netns', 'exec', name, 'nft', 'flush ruleset']);
      await run('ip', ['netns', 'exec', name, 'nft', `table inet loss { chain arrivals { ${chain} ${rule}; }; }`]);
    }
  }

  /** Packets that were dropped since `lose`. */
  async lost(): Promise<number> {
    let lost = 0;
    for (const name of this.#names) {
      const { stdout } = await run('ip', ['netns', 'exec', name, 'nft', 'list ruleset']);
      lost += Number(/counter packets (\d+)/.exec(stdout)?.[1] ?? 0);
    }
    return lost;
  }

  /** Devices go with their networks. */
  async end(): Promise<void> {
    for (const name of this.#names) await run('ip', ['netns', 'del', name]).catch(() => undefined);
    for (const n of ENDS.keys()) await run('ip', ['link', 'del', doorOf(n)]).catch(() => undefined);
  }
}

/** Device names hold 15 letters. */
function doorOf(n: number): string {
  return `dcp${process.pid}d${n}`;
}
