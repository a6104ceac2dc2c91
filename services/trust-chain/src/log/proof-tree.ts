import { formatHash, MerkleTree } from '@dcp/crypto';
import type { LogStore } from './log.store.js';

/** The Merkle tree of this node's log, read once and then only as far as it has grown. Bounded by the length that a log may have. */
export class ProofTree {
  readonly #tree = new MerkleTree();
  #reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: LogStore,
    private readonly issuer: string,
  ) {}

  /** RFC 9162 §2.1.4, as `sha256:` texts. */
  async consistency(first: number, size: number): Promise<string[]> {
    await this.#reach(size);
    return this.#tree.consistencyProof(first, size).map(formatHash);
  }

  /** RFC 9162 §2.1.3; `index` counts from 0. */
  async inclusion(index: number, size: number): Promise<string[]> {
    await this.#reach(size);
    return this.#tree.inclusionProof(index, size).map(formatHash);
  }

  /** One reader at a time: each appends what the tree has not. */
  #reach(size: number): Promise<void> {
    const read = this.#reading.then(() => this.#read(size));
    this.#reading = read.catch(() => undefined);
    return read;
  }

  async #read(size: number): Promise<void> {
    while (this.#tree.size < size) {
      const leaves = await this.store.leafHashes(this.issuer, this.#tree.size);
      if (leaves.length === 0) return;
      for (const leaf of leaves) this.#tree.append(leaf);
    }
  }
}
