/**
 * Merkle tree of an append-only log (RFC 9162 §2.1) over SHA-256. Leaves and inner nodes are hashed with different first bytes, so
 * that an inner node can never be passed off as an entry. Positions count from 0; hashes are 32 bytes.
 */
import { CryptoError } from './crypto-error.js';
import { sha256 } from './sha256.js';

const LEAF = 0;
const NODE = 1;

/** RFC 9162 §2.1.1: the hash of an entry, `SHA-256(0x00 ‖ entry)`. */
export function merkleLeafHash(entry: Uint8Array): Uint8Array {
  return prefixed(LEAF, entry);
}

/** `SHA-256(0x01 ‖ left ‖ right)`. */
export function merkleNodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return prefixed(NODE, left, right);
}

/** The root of a tree without entries: SHA-256 of nothing. */
export function emptyMerkleRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}

function prefixed(prefix: number, ...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(1 + parts.reduce((sum, { length }) => sum + length, 0));
  bytes[0] = prefix;
  let at = 1;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return sha256(bytes);
}

/**
 * A tree in memory that gives proofs for its present and for every earlier size. It keeps the hash of every complete subtree, about 64
 * bytes an entry, so that a root or a proof costs O(log n) hashes.
 */
export class MerkleTree {
  /** `levels[k][i]` covers the entries from `i * 2^k` on, `2^k` of them. */
  readonly #levels: Uint8Array[][] = [[]];

  /** Leaf hashes as `merkleLeafHash` makes them. */
  constructor(leafHashes: Iterable<Uint8Array> = []) {
    for (const hash of leafHashes) this.append(hash);
  }

  get size(): number {
    return this.#level(0).length;
  }

  append(leafHash: Uint8Array): void {
    if (leafHash.length !== 32) throw new CryptoError('invalid_length', 'a leaf hash has 32 bytes');
    this.#level(0).push(leafHash);
    for (let k = 0; this.#level(k).length % 2 === 0; k++) {
      const [left, right] = this.#level(k).slice(-2) as [Uint8Array, Uint8Array];
      this.#level(k + 1).push(merkleNodeHash(left, right));
    }
  }

  /** The root over the first `size` entries. Throws `invalid_length` for a size that the tree has not. */
  root(size: number = this.size): Uint8Array {
    this.#requireSize(size);
    return size === 0 ? emptyMerkleRoot() : this.#subtree(0, size);
  }

  /** RFC 9162 §2.1.3.1: that the entry at `index` is in the tree of `size` entries. */
  inclusionProof(index: number, size: number = this.size): Uint8Array[] {
    this.#requireSize(size);
    if (!Number.isInteger(index) || index < 0 || index >= size)
      throw new CryptoError('invalid_length', 'the tree has not so many entries');
    const path: Uint8Array[] = [];
    for (let [start, end] = [0, size]; end - start > 1;) {
      const middle = start + splitOf(end - start);
      if (index < middle) path.push(this.#subtree(middle, end));
      else path.push(this.#subtree(start, middle));
      if (index < middle) end = middle;
      else start = middle;
    }
    return path.toReversed();
  }

  /** RFC 9162 §2.1.4.1: that the first `first` entries of the tree of `size` are those of the tree of size `first`. Empty for 0. */
  consistencyProof(first: number, size: number = this.size): Uint8Array[] {
    this.#requireSize(size);
    if (!Number.isInteger(first) || first < 0 || first > size)
      throw new CryptoError('invalid_length', 'the tree has not so many entries');
    if (first === 0) return [];
    const path: Uint8Array[] = [];
    let [start, end] = [0, size];
    while (first !== end) {
      const middle = start + splitOf(end - start);
      if (first <= middle) path.push(this.#subtree(middle, end));
      else path.push(this.#subtree(start, middle));
      if (first <= middle) end = middle;
      else start = middle;
    }
    // Whoever checks knows the whole old tree's root already.
    if (start > 0) path.push(this.#subtree(start, end));
    return path.toReversed();
  }

  /** Of a range that is a subtree of the RFC's definition: it starts at a multiple of the power of two above its length. */
  #subtree(start: number, end: number): Uint8Array {
    const length = end - start;
    const split = splitOf(length);
    if (length === 1 || split * 2 === length) {
      const complete = this.#level(Math.log2(length))[start / length];
      if (complete === undefined) throw new CryptoError('invalid_length', 'the tree has not so many entries');
      return complete;
    }
    return merkleNodeHash(this.#subtree(start, start + split), this.#subtree(start + split, end));
  }

  #level(k: number): Uint8Array[] {
    return (this.#levels[k] ??= []);
  }

  #requireSize(size: number): void {
    if (!Number.isInteger(size) || size < 0 || size > this.size)
      throw new CryptoError('invalid_length', 'the tree has not so many entries');
  }
}

/** The largest power of two smaller than `length`; 0 for 1. */
function splitOf(length: number): number {
  return length < 2 ? 0 : 2 ** (Math.ceil(Math.log2(length)) - 1);
}
