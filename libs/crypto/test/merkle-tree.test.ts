/** Merkle trees: `vectors/merkle-tree.json`, and a naive second implementation straight from RFC 9162's recursive definitions. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  appendToFrontier,
  CryptoError,
  EMPTY_FRONTIER,
  emptyMerkleRoot,
  fromHex,
  frontierRoot,
  merkleLeafHash,
  merkleNodeHash,
  MerkleTree,
  toHex,
  toUtf8,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.js';
import { ready } from '../src/index.node.js';

interface Vectors {
  entries: string[];
  roots: string[];
  inclusion: { index: number; size: number; proof: string[] }[];
  consistency: { first: number; size: number; proof: string[] }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/merkle-tree.json', import.meta.url), 'utf8'),
) as Vectors;

const bytesOf = (texts: string[]) => texts.map((text) => fromHex(text));
const splitOf = (length: number): number => {
  let power = 1;
  while (power * 2 < length) power *= 2;
  return power;
};

/** MTH of RFC 9162 §2.1.1. */
function naiveRoot(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyMerkleRoot();
  if (leaves.length === 1) return leaves[0] as Uint8Array;
  const split = splitOf(leaves.length);
  return merkleNodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)));
}

/** PATH of §2.1.3.1. */
function naivePath(index: number, leaves: Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  if (index < split) return [...naivePath(index, leaves.slice(0, split)), naiveRoot(leaves.slice(split))];
  return [...naivePath(index - split, leaves.slice(split)), naiveRoot(leaves.slice(0, split))];
}

/** SUBPROOF of §2.1.4.1. */
function naiveProof(first: number, leaves: Uint8Array[], known = true): Uint8Array[] {
  if (first === leaves.length) return known ? [] : [naiveRoot(leaves)];
  const split = splitOf(leaves.length);
  if (first <= split) return [...naiveProof(first, leaves.slice(0, split), known), naiveRoot(leaves.slice(split))];
  return [...naiveProof(first - split, leaves.slice(split), false), naiveRoot(leaves.slice(0, split))];
}

const leavesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => merkleLeafHash(toUtf8(`entry ${String(at)}`)));

/** Every way in which a list of hashes can be slightly wrong. */
function spoiled(proof: Uint8Array[]): Uint8Array[][] {
  const flipped = proof.map((hash, at) => proof.with(at, hash.with(at % 32, (hash[at % 32] ?? 0) ^ 1)));
  const shortened = proof.map((_, at) => proof.toSpliced(at, 1));
  const swapped = proof
    .slice(1)
    .map((_, at) => proof.with(at, proof[at + 1] as Uint8Array).with(at + 1, proof[at] as Uint8Array));
  const grown = [
    [...proof, emptyMerkleRoot()],
    [emptyMerkleRoot(), ...proof],
  ];
  const cut = proof.map((hash, at) => proof.with(at, hash.slice(1)));
  return [...flipped, ...shortened, ...swapped, ...grown, ...cut];
}

beforeAll(() => ready());

describe('published vectors', () => {
  const tree = () => new MerkleTree(bytesOf(vectors.entries).map(merkleLeafHash));

  it('roots of every size, by the tree and by the frontier', () => {
    let frontier = EMPTY_FRONTIER;
    for (const [size, root] of vectors.roots.entries()) {
      expect(toHex(tree().root(size))).toBe(root);
      expect(toHex(frontierRoot(frontier))).toBe(root);
      const entry = vectors.entries[size];
      if (entry !== undefined) frontier = appendToFrontier(frontier, merkleLeafHash(fromHex(entry)));
    }
  });

  it('inclusion proofs', () => {
    for (const { index, size, proof } of vectors.inclusion) {
      expect(tree().inclusionProof(index, size).map(toHex)).toEqual(proof);
      const leafHash = merkleLeafHash(fromHex(vectors.entries[index] ?? ''));
      const root = fromHex(vectors.roots[size] ?? '');
      expect(verifyInclusion({ leafHash, index, size, root, proof: bytesOf(proof) })).toBe(true);
    }
  });

  it('consistency proofs', () => {
    for (const { first, size, proof } of vectors.consistency) {
      expect(tree().consistencyProof(first, size).map(toHex)).toEqual(proof);
      const [firstRoot, root] = [fromHex(vectors.roots[first] ?? ''), fromHex(vectors.roots[size] ?? '')];
      expect(verifyConsistency({ firstSize: first, firstRoot, size, root, proof: bytesOf(proof) })).toBe(true);
    }
  });
});

describe('against a naive second implementation', () => {
  const sizes = fc.integer({ min: 1, max: 130 });

  it('roots, inclusion and consistency proofs are the same, and verify', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (count, draw, extra) => {
        const leaves = leavesOf(count + (extra % 5));
        const tree = new MerkleTree(leaves);
        const index = draw % count;
        const first = (draw % count) + 1;
        const part = leaves.slice(0, count);
        const root = naiveRoot(part);
        expect(tree.root(count)).toEqual(root);
        expect(frontierRoot(part.reduce(appendToFrontier, EMPTY_FRONTIER))).toEqual(root);
        expect(tree.inclusionProof(index, count)).toEqual(naivePath(index, part));
        expect(tree.consistencyProof(first, count)).toEqual(naiveProof(first, part));
        const leafHash = leaves[index] as Uint8Array;
        expect(verifyInclusion({ leafHash, index, size: count, root, proof: naivePath(index, part) })).toBe(true);
        const firstRoot = naiveRoot(leaves.slice(0, first));
        const proof = naiveProof(first, part);
        expect(verifyConsistency({ firstSize: first, firstRoot, size: count, root, proof })).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('a wrong proof of inclusion is refused', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, draw) => {
        const leaves = leavesOf(size);
        const index = draw % size;
        const leafHash = leaves[index] as Uint8Array;
        const [root, proof] = [naiveRoot(leaves), naivePath(index, leaves)];
        for (const wrong of spoiled(proof))
          expect(verifyInclusion({ leafHash, index, size, root, proof: wrong })).toBe(false);
        const other = merkleLeafHash(toUtf8('another'));
        expect(verifyInclusion({ leafHash: other, index, size, root, proof })).toBe(false);
        expect(verifyInclusion({ leafHash, index, size, root: other, proof })).toBe(false);
        for (let at = 0; at < size; at++)
          if (at !== index) expect(verifyInclusion({ leafHash, index: at, size, root, proof })).toBe(false);
        for (const bad of [-1, size, 0.5, Number.NaN, 2 ** 60]) {
          expect(verifyInclusion({ leafHash, index: bad, size, root, proof })).toBe(false);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('a wrong proof of consistency is refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), (size, draw) => {
        const leaves = leavesOf(size);
        const firstSize = (draw % (size - 1)) + 1;
        const [firstRoot, root] = [naiveRoot(leaves.slice(0, firstSize)), naiveRoot(leaves)];
        const proof = naiveProof(firstSize, leaves);
        const claim = { firstSize, firstRoot, size, root, proof };
        for (const wrong of spoiled(proof)) expect(verifyConsistency({ ...claim, proof: wrong })).toBe(false);
        expect(verifyConsistency({ ...claim, firstRoot: emptyMerkleRoot() })).toBe(false);
        expect(verifyConsistency({ ...claim, root: firstRoot })).toBe(false);
        for (const bad of [-1, size + 1, 0.5, Number.NaN])
          expect(verifyConsistency({ ...claim, firstSize: bad })).toBe(false);
        // A log in which one early entry was changed has no proof from the old root.
        const changed = leaves.with(draw % firstSize, merkleLeafHash(toUtf8('rewritten')));
        const honest = { firstSize, firstRoot, size, root: naiveRoot(changed), proof: naiveProof(firstSize, changed) };
        expect(verifyConsistency(honest)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  it('every log begins with the empty one, and is consistent with itself', () => {
    const tree = new MerkleTree(leavesOf(5));
    const root = tree.root();
    const empty = { firstSize: 0, firstRoot: emptyMerkleRoot(), size: 5, root, proof: tree.consistencyProof(0) };
    expect(verifyConsistency(empty)).toBe(true);
    expect(verifyConsistency({ ...empty, firstRoot: root })).toBe(false);
    expect(verifyConsistency({ firstSize: 5, firstRoot: root, size: 5, root, proof: [] })).toBe(true);
    expect(verifyConsistency({ firstSize: 5, firstRoot: root, size: 5, root, proof: [root] })).toBe(false);
  });

  it('asks for nothing that the tree has not', () => {
    const tree = new MerkleTree(leavesOf(3));
    expect(() => tree.root(4)).toThrow(CryptoError);
    expect(() => tree.inclusionProof(3)).toThrow(CryptoError);
    expect(() => tree.consistencyProof(4)).toThrow(CryptoError);
    expect(() => tree.append(new Uint8Array(31))).toThrow(CryptoError);
    expect(() => appendToFrontier(EMPTY_FRONTIER, new Uint8Array(31))).toThrow(CryptoError);
  });
});
