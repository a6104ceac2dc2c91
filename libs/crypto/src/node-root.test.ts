import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  defaultNodeId,
  ed25519PublicKey,
  type Ed25519Signer,
  hkdf,
  nodePostQuantumKey,
  NodeRoot,
  nodeTokenKey,
  seedSigner,
  sign,
  signDigest,
  signHybrid,
  toBase64,
  toHex,
  toUtf8,
} from './index.js';
import { ready } from './index.node.js';

beforeAll(ready);

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const ROOT = '46bd320605c5a6b6163ab70bc6345b92a5f908e79fe58979c23ebb47d1a5e307';

describe('the root of a node', () => {
  it('gives what its seed gives, for every purpose and length', () => {
    const root = NodeRoot.ofSeed(seed);
    for (const [label, length] of [
      ['DCP-CHALLENGE-SECRET-V1', 32],
      ['DCP-OWNER-INVITE-V1\x007', 16],
      ['DCP-FEDERATION-TLS-V1', 80],
    ] as const)
      expect(root.derive(label, length)).toEqual(hkdf(seed, toUtf8(label), length));
    expect(nodePostQuantumKey(root).key).toBe(nodePostQuantumKey(seed).key);
    expect(nodeTokenKey(root)).toEqual(nodeTokenKey(seed));
  });

  it('is the pseudo-random key of RFC 5869, and another one for another seed', () => {
    // HMAC-SHA-256 under an empty key, by Python's hmac.
    expect(toHex(NodeRoot.ofSeed(seed).secret.reveal())).toBe(ROOT);
    expect(toHex(NodeRoot.ofSeed(seed.toReversed()).secret.reveal())).not.toBe(ROOT);
    expect(toHex(new NodeRoot(NodeRoot.ofSeed(seed).secret.reveal()).derive('a'))).toBe(toHex(hkdf(seed, toUtf8('a'))));
  });

  it('refuses other lengths, and shows nothing', () => {
    expect(() => NodeRoot.ofSeed(seed.subarray(1))).toThrow('seed');
    expect(() => new NodeRoot(seed.subarray(1))).toThrow('root');
    const root = new NodeRoot(seed);
    for (const text of [inspect(root, { depth: 5 }), JSON.stringify(root)]) {
      expect(text).toContain('secret');
      expect(text).not.toMatch(/0, 1, 2|"0":/);
      expect(text).not.toContain(toBase64(seed));
    }
  });
});

describe('a signer', () => {
  it('signs for a seed as the seed itself', () => {
    const signer = seedSigner(seed);
    const input = toUtf8('DCP-NODE-V1\0{}');
    expect(signer.publicKey).toEqual(ed25519PublicKey(seed));
    expect(signer.sign(input)).toEqual(sign(seed, input));
    expect(signDigest(signer, input)).toBe(signDigest(seed, input));
    const mlDsa = nodePostQuantumKey(seed).seed;
    const half = (text: string) => text.slice(0, 'ed25519+ml-dsa-65:'.length + 85);
    expect(half(signHybrid({ ed25519: signer, mlDsa }, input))).toBe(half(signHybrid({ ed25519: seed, mlDsa }, input)));
  });

  it('is asked for the digest, and for nothing longer', () => {
    const asked: number[] = [];
    const signer: Ed25519Signer = {
      publicKey: ed25519PublicKey(seed),
      sign: (message) => {
        asked.push(message.length);
        return new Uint8Array(64);
      },
    };
    signDigest(signer, new Uint8Array(5_000));
    signHybrid({ ed25519: signer, mlDsa: nodePostQuantumKey(seed).seed }, new Uint8Array(100));
    expect(asked).toEqual([32, 32]);
  });
});

describe('the id of a node', () => {
  it('follows from its public key', () => {
    const [one, two] = [ed25519PublicKey(seed), ed25519PublicKey(seed.toReversed())].map(defaultNodeId);
    expect(one).toMatch(/^[a-z2-7]{8}$/);
    expect(defaultNodeId(ed25519PublicKey(seed))).toBe(one);
    expect(two).not.toBe(one);
  });
});
