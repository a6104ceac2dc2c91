import { beforeAll, describe, expect, it } from '@jest/globals';
import { falcon512padded } from '@noble/post-quantum/falcon.js';
import {
  falconSign,
  falconVerify,
  formatKey,
  generateEd25519KeyPair,
  generateFalconKeyPair,
  generateMlDsaKeyPair,
  mlDsaSign,
  mlDsaVerify,
  parseKey,
  sign,
  signDigest,
  signHybrid,
  signedDigest,
  toBase64,
  toUtf8,
  verifyHybrid,
} from './index.js';
import { ready } from './index.node.js';

beforeAll(ready);

const message = toUtf8('a message');

describe('[DCCP-SEC-02] ML-DSA-65', () => {
  it('signs, verifies, and refuses another message, key or length', () => {
    const { publicKey, seed } = generateMlDsaKeyPair();
    const signature = mlDsaSign(seed, message);
    expect([publicKey.length, signature.length]).toEqual([1952, 3309]);
    expect(mlDsaVerify(publicKey, message, signature)).toBe(true);
    expect(mlDsaVerify(publicKey, toUtf8('another'), signature)).toBe(false);
    expect(mlDsaVerify(generateMlDsaKeyPair().publicKey, message, signature)).toBe(false);
    expect(mlDsaVerify(publicKey, message, signature.subarray(1))).toBe(false);
    expect(mlDsaVerify(publicKey.subarray(1), message, signature)).toBe(false);
    expect(mlDsaVerify(publicKey, message, new Uint8Array(3309).fill(255))).toBe(false);
  });

  it('makes one key of one seed', () => {
    const seed = new Uint8Array(32).fill(4);
    expect(generateMlDsaKeyPair(seed).publicKey).toEqual(generateMlDsaKeyPair(seed).publicKey);
    expect(() => generateMlDsaKeyPair(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'invalid_length' }));
    expect(() => mlDsaSign(new Uint8Array(31), message)).toThrow(expect.objectContaining({ code: 'invalid_length' }));
  });
});

describe('[DCCP-SEC-02] Falcon-512', () => {
  const pair = generateFalconKeyPair(new Uint8Array(48).fill(5));

  it('signs, verifies, and refuses another message, key or length', () => {
    const signature = falconSign(pair.privateKey, message);
    expect([pair.publicKey.length, pair.privateKey.length, signature.length]).toEqual([897, 1281, 666]);
    expect(falconVerify(pair.publicKey, message, signature)).toBe(true);
    expect(falconVerify(pair.publicKey, toUtf8('another'), signature)).toBe(false);
    expect(falconVerify(pair.publicKey, message, signature.subarray(1))).toBe(false);
    for (const filler of [0, 255]) {
      expect(falconVerify(pair.publicKey, message, new Uint8Array(666).fill(filler))).toBe(false);
      expect(falconVerify(new Uint8Array(897).fill(filler), message, signature)).toBe(false);
    }
  });

  it('every changed byte is refused', () => {
    const signature = falconSign(pair.privateKey, message);
    for (let at = 0; at < signature.length; at += 3) {
      const changed = signature.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(falconVerify(pair.publicKey, message, changed)).toBe(false);
    }
  });

  it('makes one key of one seed, and keeps nothing of the seed', () => {
    const seed = new Uint8Array(48).fill(5);
    expect(generateFalconKeyPair(seed).publicKey).toEqual(pair.publicKey);
    expect(seed).toEqual(new Uint8Array(48).fill(5));
    expect(falcon512padded.getPublicKey(pair.privateKey.reveal())).toEqual(pair.publicKey);
    expect(() => generateFalconKeyPair(new Uint8Array(32))).toThrow(
      expect.objectContaining({ code: 'invalid_length' }),
    );
    expect(() => falconSign(new Uint8Array(5), message)).toThrow(expect.objectContaining({ code: 'invalid_length' }));
  });
});

describe('[DCCP-SEC-02] ed25519+ml-dsa-65', () => {
  const preimage = toUtf8('DCP-DEVICE-V1\0{}');

  function signer() {
    const [classical, quantum] = [generateEd25519KeyPair(), generateMlDsaKeyPair()];
    return {
      keys: { ed25519: classical.publicKey, mlDsa: quantum.publicKey },
      seeds: { ed25519: classical.seed, mlDsa: quantum.seed },
    };
  }

  function text(classical: Uint8Array, quantum: Uint8Array): string {
    return `ed25519+ml-dsa-65:${toBase64(Uint8Array.of(...classical, ...quantum))}`;
  }

  it('verifies only if both halves do', () => {
    const [{ keys, seeds }, other] = [signer(), signer()];
    const digest = signedDigest(preimage);
    const good = { classical: sign(seeds.ed25519, digest), quantum: mlDsaSign(seeds.mlDsa, digest) };
    const bad = { classical: sign(other.seeds.ed25519, digest), quantum: mlDsaSign(other.seeds.mlDsa, digest) };
    expect(verifyHybrid(keys, preimage, signHybrid(seeds, preimage))).toBe(true);
    expect(verifyHybrid(keys, preimage, text(good.classical, good.quantum))).toBe(true);
    expect(verifyHybrid(keys, preimage, text(bad.classical, good.quantum))).toBe(false);
    expect(verifyHybrid(keys, preimage, text(good.classical, bad.quantum))).toBe(false);
    expect(verifyHybrid(keys, preimage, text(new Uint8Array(64), good.quantum))).toBe(false);
    expect(verifyHybrid(keys, preimage, text(good.classical, new Uint8Array(3309)))).toBe(false);
  });

  it('is not replaced by one half, in whatever wrapping', () => {
    const { keys, seeds } = signer();
    const whole = signHybrid(seeds, preimage);
    const classical = signDigest(seeds.ed25519, preimage);
    for (const wrong of ['', classical, `ed25519+ml-dsa-65:${classical.slice(8)}`, whole.slice(0, -4), `x${whole}`]) {
      expect(verifyHybrid(keys, preimage, wrong)).toBe(false);
    }
    expect(verifyHybrid(keys, toUtf8('DCP-DEVICE-V1\0{"a":1}'), whole)).toBe(false);
  });
});

describe('post-quantum keys as text', () => {
  it.each([
    ['ml-kem-768', 1184],
    ['ml-dsa-65', 1952],
    ['falcon-512', 897],
  ] as const)('%s', (algorithm, length) => {
    const bytes = new Uint8Array(length).fill(3);
    const written = formatKey(algorithm, bytes);
    expect(written.startsWith(`${algorithm}:`)).toBe(true);
    expect(parseKey(written)).toEqual({ algorithm, bytes });
    expect(() => formatKey(algorithm, bytes.subarray(1))).toThrow(expect.objectContaining({ code: 'invalid_length' }));
    const short = `${algorithm}:${toBase64(bytes.subarray(1))}`;
    expect(() => parseKey(short)).toThrow(expect.objectContaining({ code: 'invalid_key' }));
  });

  it('reads the names of the drafts', () => {
    const kem = toBase64(new Uint8Array(1184));
    expect(parseKey(`kyber-768:${kem}`).algorithm).toBe('ml-kem-768');
    expect(parseKey(`dilithium:${toBase64(new Uint8Array(1952))}`).algorithm).toBe('ml-dsa-65');
    for (const name of ['kyber', 'toString', '__proto__', 'constructor', 'ed25519+ml-dsa-65']) {
      expect(() => parseKey(`${name}:${kem}`)).toThrow(expect.objectContaining({ code: 'invalid_key' }));
    }
  });
});
