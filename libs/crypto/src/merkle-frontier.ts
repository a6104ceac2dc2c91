/**
 * What somebody needs to follow a growing Merkle tree (RFC 9162 §2.1): the roots of the complete subtrees that its size is the sum of,
 * the largest first. At most 53 hashes, however long the log is.
 */
import { CryptoError } from './crypto-error.js';
import { emptyMerkleRoot, merkleNodeHash } from './merkle-tree.js';

export interface MerkleFrontier {
  /** Entries so far. */
  readonly size: number;
  /** 32 bytes each; as many as `size` has binary ones. */
  readonly peaks: readonly Uint8Array[];
}

export const EMPTY_FRONTIER: MerkleFrontier = { size: 0, peaks: [] };

/** The frontier after one more entry; the given one stays as it is. */
export function appendToFrontier({ size, peaks }: MerkleFrontier, leafHash: Uint8Array): MerkleFrontier {
  if (leafHash.length !== 32) throw new CryptoError('invalid_length', 'a leaf hash has 32 bytes');
  const rest = [...peaks];
  let grown = leafHash;
  for (let left = size; left % 2 === 1; left = (left - 1) / 2) {
    const peak = rest.pop();
    if (peak === undefined)
      throw new CryptoError('invalid_length', 'a frontier has a peak for each binary one of its size');
    grown = merkleNodeHash(peak, grown);
  }
  return { size: size + 1, peaks: [...rest, grown] };
}

export function frontierRoot({ peaks }: MerkleFrontier): Uint8Array {
  if (peaks.length === 0) return emptyMerkleRoot();
  return peaks.reduceRight((right, left) => merkleNodeHash(left, right));
}
