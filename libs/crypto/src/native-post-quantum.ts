/**
 * ML-KEM-768 and ML-DSA-65 by OpenSSL 3.5 or later. Keys go in as DER around the raw bytes: RFC 9881 and RFC 9935 (the
 * `seed` form of the private key).
 */
import {
  createPrivateKey,
  createPublicKey,
  decapsulate,
  encapsulate,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto';
import type { PostQuantumEngine } from './post-quantum-engine.js';
import { wipe } from './secret-bytes.js';

const KEM_PRIVATE = fromHex('3054020100300b060960864801650304040204428040');
const KEM_PUBLIC = fromHex('308204b2300b0609608648016503040402038204a100');
const DSA_PRIVATE = fromHex('3034020100300b060960864801650304031204228020');
const DSA_PUBLIC = fromHex('308207b2300b0609608648016503040312038207a100');

const native: PostQuantumEngine = {
  name: 'native',
  mlKemPublicKey: (seed) => publicBytes(privateKey(KEM_PRIVATE, seed), KEM_PUBLIC.length),
  mlKemEncapsulate: (bytes) => {
    const { ciphertext, sharedKey } = encapsulate(publicKey(KEM_PUBLIC, bytes));
    return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
  },
  mlKemDecapsulate: (seed, ciphertext) => new Uint8Array(decapsulate(privateKey(KEM_PRIVATE, seed), ciphertext)),
  mlDsaPublicKey: (seed) => publicBytes(privateKey(DSA_PRIVATE, seed), DSA_PUBLIC.length),
  mlDsaSign: (seed, message) => new Uint8Array(signWith(null, message, privateKey(DSA_PRIVATE, seed))),
  mlDsaVerify: (bytes, message, signature) => verifyWith(null, message, publicKey(DSA_PUBLIC, bytes), signature),
};

/** OpenSSL's code, or `undefined` where Node was built with an OpenSSL that lacks it. */
export function nativePostQuantum(): PostQuantumEngine | undefined {
  try {
    native.mlKemPublicKey(new Uint8Array(64));
    native.mlDsaPublicKey(new Uint8Array(32));
    return native;
  } catch {
    return undefined;
  }
}

function privateKey(prefix: Uint8Array, seed: Uint8Array): KeyObject {
  const der = Buffer.concat([prefix, seed]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    wipe(der);
  }
}

function publicKey(prefix: Uint8Array, bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, bytes]), format: 'der', type: 'spki' });
}

function publicBytes(key: KeyObject, prefixBytes: number): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(prefixBytes));
}

function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}
