/** noble and OpenSSL give one answer, or a browser and a desktop would not understand each other. */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { generateMlKemKeyPair, isMlKemPublicKey, mlKemDecapsulate, mlKemEncapsulate, toHex } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { nativePostQuantum } from '../src/native-post-quantum.js';
import {
  javaScriptPostQuantum,
  postQuantum,
  type PostQuantumEngine,
  usePostQuantum,
} from '../src/post-quantum-engine.js';

let native: PostQuantumEngine;

beforeAll(async () => {
  await ready();
  const found = nativePostQuantum();
  if (found === undefined) throw new Error('this Node lacks ML-KEM or ML-DSA');
  native = found;
});

afterEach(() => usePostQuantum(native));

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const message = fc.uint8Array({ maxLength: 300 });

describe('[DCCP-SEC-01] ML-KEM-768', () => {
  it('is OpenSSL’s on Node', () => {
    expect(postQuantum().name).toBe('native');
  });

  it('both make one public key of a seed, and open each other’s ciphertexts', () => {
    fc.assert(
      fc.property(exactly(64), (seed) => {
        const publicKey = javaScriptPostQuantum.mlKemPublicKey(seed);
        expect(native.mlKemPublicKey(seed)).toEqual(publicKey);
        for (const engine of [native, javaScriptPostQuantum]) {
          const { ciphertext, sharedSecret } = engine.mlKemEncapsulate(publicKey);
          expect(native.mlKemDecapsulate(seed, ciphertext)).toEqual(sharedSecret);
          expect(javaScriptPostQuantum.mlKemDecapsulate(seed, ciphertext)).toEqual(sharedSecret);
          expect([ciphertext.length, sharedSecret.length, Buffer.isBuffer(ciphertext)]).toEqual([1088, 32, false]);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('both give one other secret for a changed or arbitrary ciphertext (implicit rejection)', () => {
    fc.assert(
      fc.property(exactly(64), fc.nat(1088 * 8 - 1), exactly(1088), (seed, bit, arbitrary) => {
        const { ciphertext, sharedSecret } = native.mlKemEncapsulate(native.mlKemPublicKey(seed));
        ciphertext[bit >> 3] = (ciphertext[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        for (const bytes of [ciphertext, arbitrary]) {
          const rejected = native.mlKemDecapsulate(seed, bytes);
          expect(javaScriptPostQuantum.mlKemDecapsulate(seed, bytes)).toEqual(rejected);
          expect(rejected).not.toEqual(sharedSecret);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('both refuse the same public keys, and so do we before them', () => {
    const { publicKey } = generateMlKemKeyPair();
    const accepts = (engine: PostQuantumEngine, key: Uint8Array) => {
      try {
        engine.mlKemEncapsulate(key);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.nat(1151), fc.nat(255), (at, value) => {
        const changed = publicKey.slice();
        changed[at] = value;
        const verdict = isMlKemPublicKey(changed);
        expect([accepts(native, changed), accepts(javaScriptPostQuantum, changed)]).toEqual([verdict, verdict]);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['q in the first place', [0x01, 0x0d]],
    ['q in the second place', [0x00, 0x10, 0xd0]],
    ['4,095', [0xff, 0x0f]],
  ])('FIPS 203 §7.2: a coefficient of %s is refused', (_, bytes) => {
    const key = generateMlKemKeyPair().publicKey.slice();
    key.set(bytes);
    expect(() => mlKemEncapsulate(key)).toThrow(expect.objectContaining({ code: 'invalid_key' }));
  });

  it('q - 1 is accepted', () => {
    const key = generateMlKemKeyPair().publicKey.slice();
    key.set([0x00, 0x0d]);
    expect(isMlKemPublicKey(key.slice(0, 1184))).toBe((key[1] ?? 0) === 0x0d);
    expect(mlKemEncapsulate(key).ciphertext).toHaveLength(1088);
  });

  it('lengths are checked', () => {
    const { seed } = generateMlKemKeyPair();
    const wrong = expect.objectContaining({ code: 'invalid_length' });
    expect(() => mlKemDecapsulate(seed, new Uint8Array(1087))).toThrow(wrong);
    expect(() => mlKemDecapsulate(new Uint8Array(63), new Uint8Array(1088))).toThrow(wrong);
    expect(() => generateMlKemKeyPair(new Uint8Array(32))).toThrow(wrong);
    expect(() => mlKemEncapsulate(new Uint8Array(1183))).toThrow(expect.objectContaining({ code: 'invalid_key' }));
  });

  it('works through the same functions with either engine', () => {
    for (const engine of [native, javaScriptPostQuantum]) {
      usePostQuantum(engine);
      const { publicKey, seed } = generateMlKemKeyPair();
      const { ciphertext, sharedSecret } = mlKemEncapsulate(publicKey);
      expect(toHex(mlKemDecapsulate(seed, ciphertext))).toBe(toHex(sharedSecret));
    }
  });
});

describe('[DCCP-SEC-02] ML-DSA-65', () => {
  it('both make one public key of a seed, and verify each other’s signatures', () => {
    fc.assert(
      fc.property(exactly(32), message, fc.nat(3309 * 8 - 1), (seed, text, bit) => {
        const publicKey = javaScriptPostQuantum.mlDsaPublicKey(seed);
        expect(native.mlDsaPublicKey(seed)).toEqual(publicKey);
        for (const engine of [native, javaScriptPostQuantum]) {
          const signature = engine.mlDsaSign(seed, text);
          const changed = signature.slice();
          changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          for (const verifier of [native, javaScriptPostQuantum]) {
            expect(verifier.mlDsaVerify(publicKey, text, signature)).toBe(true);
            expect(verifier.mlDsaVerify(publicKey, text, changed)).toBe(false);
            expect(verifier.mlDsaVerify(publicKey, Uint8Array.of(...text, 0), signature)).toBe(false);
          }
        }
      }),
      { numRuns: 15 },
    );
  });
});
