/**
 * WASM and native code must agree on every signature, or a browser and a node would see two different channels. Where
 * the standard leaves room (points with a small-order part), a third implementation only builds the inputs.
 */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import * as fc from 'fast-check';
import { type Engine, wasmEngine } from '../src/engine.js';
import { fromHex, parseKey, toHex } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { nodeEngine } from '../src/native-engine.js';
import { keysAndSignatures } from './vectors.js';

const { Point } = ed25519;
const L = Point.Fn.ORDER;
const TORSION = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');

let native: Engine;

beforeAll(async () => {
  await ready();
  native = await nodeEngine();
});

const seedBytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const message = fc.uint8Array({ maxLength: 300 });

/** What both engines say; fails if they differ. */
function bothVerify(publicKey: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean {
  const verdict = wasmEngine.verify(publicKey, text, signature);
  expect(native.verify(publicKey, text, signature)).toBe(verdict);
  return verdict;
}

function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0')).toReversed();
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

/** A signature made by hand: R = r·B (+ torsion), S = r + H(R, A, M)·a. */
function handmade(scalar: bigint, publicKey: Uint8Array, text: Uint8Array, torsionInR: bigint): Uint8Array {
  const nonce = fromLittleEndian(sha512(text)) % L;
  const point = Point.BASE.multiply(nonce).add(torsionInR === 0n ? Point.ZERO : TORSION.multiplyUnsafe(torsionInR));
  const commitment = point.toBytes();
  const challenge = fromLittleEndian(sha512(commitment, publicKey, text)) % L;
  return Uint8Array.of(...commitment, ...littleEndian((nonce + challenge * scalar) % L));
}

function sha512(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(createHash('sha512').update(Buffer.concat(parts)).digest());
}

/** The public key a·B plus a small-order part. */
function mixedKey(scalar: bigint, torsion: bigint): Uint8Array {
  return Point.BASE.multiply(scalar).add(TORSION.multiplyUnsafe(torsion)).toBytes();
}

describe('native and WASM agree', () => {
  it('the native engine is loaded on this platform', () => {
    expect(native.ed25519).toBe('native');
  });

  it('on keys, signatures and hashes of random input, and with a third implementation', () => {
    fc.assert(
      fc.property(seedBytes, message, (seed, text) => {
        const publicKey = wasmEngine.publicKey(seed);
        const signature = wasmEngine.sign(seed, text);
        expect(native.publicKey(seed)).toEqual(publicKey);
        expect(native.sign(seed, text)).toEqual(signature);
        expect(native.sha256(text)).toEqual(wasmEngine.sha256(text));
        expect(new Uint8Array(ed25519.sign(text, seed))).toEqual(signature);
        expect(bothVerify(publicKey, text, signature)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('on a flipped bit in key, message or signature', () => {
    const anyBit = fc.nat({ max: 1023 });
    fc.assert(
      fc.property(seedBytes, fc.uint8Array({ minLength: 32, maxLength: 32 }), anyBit, (seed, text, bit) => {
        const all = Uint8Array.of(...wasmEngine.publicKey(seed), ...text, ...wasmEngine.sign(seed, text));
        all[bit >> 3] = (all[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(bothVerify(all.subarray(0, 32), all.subarray(32, 64), all.subarray(64))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('on arbitrary bytes', () => {
    const signature = fc.uint8Array({ minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(seedBytes, message, signature, (key, text, bytes) =>
        expect(bothVerify(key, text, bytes)).toBe(false),
      ),
    );
  });
});

describe('both engines refuse', () => {
  it('S with any multiple of the group order added', () => {
    fc.assert(
      fc.property(seedBytes, message, fc.bigInt({ min: 1n, max: 15n }), (seed, text, times) => {
        const signature = wasmEngine.sign(seed, text);
        const larger = fromLittleEndian(signature.subarray(32)) + times * L;
        fc.pre(larger < 1n << 256n);
        const forged = Uint8Array.of(...signature.subarray(0, 32), ...littleEndian(larger));
        expect(bothVerify(wasmEngine.publicKey(seed), text, forged)).toBe(false);
      }),
    );
  });

  const smallOrder = keysAndSignatures.invalid.filter(({ name }) => name.startsWith('small-order'));

  it.each(smallOrder)('$name, for every small-order R and S = 0', ({ public_key }) => {
    const key = parseKey(public_key).bytes;
    for (const other of smallOrder) {
      const commitment = parseKey(other.public_key).bytes;
      for (let text = 0; text < 16; text++) {
        const forged = Uint8Array.of(...commitment, ...new Uint8Array(32));
        expect(bothVerify(key, Uint8Array.of(text), forged)).toBe(false);
      }
    }
  });

  it('a small-order R under an honest key', () => {
    const scalar = 12345n;
    const key = Point.BASE.multiply(scalar).toBytes();
    for (const { public_key } of smallOrder) {
      const commitment = parseKey(public_key).bytes;
      const challenge = fromLittleEndian(sha512(commitment, key, key)) % L;
      const forged = Uint8Array.of(...commitment, ...littleEndian((challenge * scalar) % L));
      expect(bothVerify(key, key, forged)).toBe(false);
    }
  });

  it('a key or a commitment that is no canonical point', () => {
    const seed = new Uint8Array(32).fill(3);
    const text = Uint8Array.of(1);
    const signature = wasmEngine.sign(seed, text);
    // y = p + 3 … p + 18: field elements in a second spelling.
    for (let over = 3n; over < 19n; over++) {
      const encoded = littleEndian((1n << 255n) - 19n + over);
      expect(bothVerify(encoded, text, signature)).toBe(false);
      const other = Uint8Array.of(...encoded, ...signature.subarray(32));
      expect(bothVerify(wasmEngine.publicKey(seed), text, other)).toBe(false);
    }
  });
});

describe('points with a small-order part', () => {
  const scalar = 987_654_321n;
  const texts = Array.from({ length: 32 }, (_, at) => Uint8Array.of(at));

  it('the handmade signature is the real one where there is none', () => {
    const key = Point.BASE.multiply(scalar).toBytes();
    for (const text of texts) expect(bothVerify(key, text, handmade(scalar, key, text, 0n))).toBe(true);
  });

  it('both engines and OpenSSL give one verdict (no cofactor) for every mixed key and commitment', () => {
    const verdicts: boolean[] = [];
    for (let inKey = 0n; inKey < 8n; inKey++) {
      for (let inR = 0n; inR < 8n; inR++) {
        const key = inKey === 0n ? Point.BASE.multiply(scalar).toBytes() : mixedKey(scalar, inKey);
        for (const text of texts.slice(0, 8)) {
          const signature = handmade(scalar, key, text, inR);
          const verdict = bothVerify(key, text, signature);
          expect(opensslVerify(key, text, signature)).toBe(verdict);
          verdicts.push(verdict);
        }
      }
    }
    expect(new Set(verdicts)).toEqual(new Set([true, false]));
  });

  function opensslVerify(key: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') };
    return verify(null, text, createPublicKey({ key: jwk, format: 'jwk' }), signature);
  }
});
