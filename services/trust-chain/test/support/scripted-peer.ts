import {
  ed25519PublicKey,
  formatHash,
  formatKey,
  generateEd25519KeyPair,
  merkleLeafHash,
  MerkleTree,
  randomBytes,
  type Secret,
  sha256,
  signDigest,
  toBase32,
  toUtf8,
} from '@dcp/crypto';
import { canonicalJson, signingInput, type TrustEntry, type TrustHead } from '@dcp/protocol';
import type { Links } from './world.js';

/** A stranger's node with a log of its own making: honest until a test spoils it. */
export class ScriptedPeer {
  readonly id = toBase32(randomBytes(5));
  entries: TrustEntry[] = [];
  /** What is changed in an answer before it goes out. */
  spoilHead: (head: TrustHead) => object = (head) => head;
  spoilPage: (page: { entries: object[]; proof: string[] }) => object = (page) => page;
  readonly asked: string[] = [];
  /** Identity keys of users of the node. */
  readonly users = new Map<string, string>();
  readonly #seed: Secret = generateEd25519KeyPair().seed;
  #time = Date.parse('2026-01-01T00:00:00.000Z');

  constructor(links: Links) {
    links.join(this.id, formatKey('ed25519', ed25519PublicKey(this.#seed)), async (kind, body) =>
      this.#answer(kind, body),
    );
  }

  signed<T extends object>(object: T): T & { signature: string } {
    return { ...object, signature: signDigest(this.#seed, signingInput('TRUST', object)) };
  }

  ban(...targets: string[]): void {
    for (const target of targets) this.write({ action: 'ban_user', target });
  }

  write(changes: Partial<TrustEntry>): void {
    const last = this.entries.at(-1);
    const prev = last === undefined ? null : formatHash(sha256(signingInput('TRUST', last)));
    const place = { issuer: this.id, seq: this.entries.length + 1, prev, issued: this.#now(), by: `${this.id}.mod` };
    this.entries.push(this.signed({ ...place, ...changes }) as TrustEntry);
  }

  /** Signs an entry again after a change. */
  rewrite(at: number, changes: Partial<TrustEntry>): void {
    const { signature: _old, ...entry } = this.entries[at] as TrustEntry;
    this.entries[at] = this.signed({ ...entry, ...changes }) as TrustEntry;
  }

  tree(size = this.entries.length): MerkleTree {
    return new MerkleTree(this.entries.slice(0, size).map((entry) => merkleLeafHash(toUtf8(canonicalJson(entry)))));
  }

  #now(): string {
    this.#time += 1;
    return new Date(this.#time).toISOString();
  }

  #answer(kind: string, body: object): object {
    this.asked.push(kind);
    if (kind === 'trust_head') return { head: this.spoilHead(this.#head()) };
    if (kind === 'user_lookup') return { public_key: this.users.get((body as { user_id: string }).user_id) };
    if (kind !== 'trust_entries') return {};
    const { after, up_to } = body as { after: number; up_to: number };
    const entries = this.entries.slice(after, Math.min(up_to, after + 2));
    const proof = this.tree(up_to)
      .consistencyProof(after + entries.length)
      .map(formatHash);
    return this.spoilPage({ entries, proof });
  }

  #head(): TrustHead {
    const root = formatHash(this.tree().root());
    return this.signed({ issuer: this.id, size: this.entries.length, root, issued: this.#now() });
  }
}
