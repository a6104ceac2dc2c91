/**
 * Checks of the proofs of a Merkle tree (RFC 9162 §2.1.3.2 and §2.1.4.2). Nothing here throws: whatever a stranger sends that does not
 * prove the claim is `false`.
 */
import { constantTimeEqual } from './constant-time.js';
import { emptyMerkleRoot, merkleNodeHash } from './merkle-tree.js';

/** More hashes than a proof can have while sizes are exact numbers. */
const LONGEST = 64;

export interface InclusionClaim {
  leafHash: Uint8Array;
  /** Position of the entry, from 0. */
  index: number;
  size: number;
  root: Uint8Array;
  proof: readonly Uint8Array[];
}

/** Whether the proof shows the entry at `index` in the tree of `size` entries that has this root. */
export function verifyInclusion({ leafHash, index, size, root, proof }: InclusionClaim): boolean {
  if (!isCount(size) || !isCount(index) || index >= size || !areHashes([leafHash, root, ...proof])) return false;
  const walk = new Walk(index, size - 1);
  let hash = leafHash;
  for (const step of proof) {
    if (walk.atRoot) return false;
    hash = walk.fromLeft() ? merkleNodeHash(step, hash) : merkleNodeHash(hash, step);
    walk.up();
  }
  return walk.atRoot && constantTimeEqual(hash, root);
}

export interface ConsistencyClaim {
  firstSize: number;
  firstRoot: Uint8Array;
  size: number;
  root: Uint8Array;
  proof: readonly Uint8Array[];
}

/** Whether the proof shows that the tree of `size` entries begins with the one of `firstSize`: nothing was changed or taken away. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { firstSize, firstRoot, size, root, proof } = claim;
  if (!isCount(firstSize) || !isCount(size) || firstSize > size || !areHashes([firstRoot, root, ...proof]))
    return false;
  if (firstSize === 0) return proof.length === 0 && constantTimeEqual(firstRoot, emptyMerkleRoot());
  if (firstSize === size) return proof.length === 0 && constantTimeEqual(firstRoot, root);
  const [seed, ...steps] = isPowerOfTwo(firstSize) ? [firstRoot, ...proof] : proof;
  return seed !== undefined && leadsToBoth(claim, seed, steps);
}

function leadsToBoth(claim: ConsistencyClaim, seed: Uint8Array, steps: Uint8Array[]): boolean {
  const walk = new Walk(claim.firstSize - 1, claim.size - 1);
  walk.skipCommon();
  let [first, whole] = [seed, seed];
  for (const step of steps) {
    if (walk.atRoot) return false;
    if (walk.fromLeft()) {
      first = merkleNodeHash(step, first);
      whole = merkleNodeHash(step, whole);
    } else {
      whole = merkleNodeHash(whole, step);
    }
    walk.up();
  }
  return walk.atRoot && constantTimeEqual(first, claim.firstRoot) && constantTimeEqual(whole, claim.root);
}

/** `fn` and `sn` of the RFC: a node on the path from an entry to the root, and the last node of its level. */
class Walk {
  constructor(
    private node: number,
    private last: number,
  ) {}

  get atRoot(): boolean {
    return this.last === 0;
  }

  /** Whether the proof's next hash stands to the left of the path; a last node without a sibling first rises to where it has one. */
  fromLeft(): boolean {
    const left = this.node % 2 === 1 || this.node === this.last;
    while (left && this.node % 2 === 0 && this.node !== 0) this.up();
    return left;
  }

  up(): void {
    this.node = Math.floor(this.node / 2);
    this.last = Math.floor(this.last / 2);
  }

  /** From the last entry of the old tree to the largest subtree that it completes. */
  skipCommon(): void {
    while (this.node % 2 === 1) this.up();
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.length <= LONGEST + 2 && hashes.every((hash) => hash instanceof Uint8Array && hash.length === 32);
}
