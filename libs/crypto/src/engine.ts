/**
 * The few primitives that a server needs fast. libsodium's WASM build is the default everywhere; on Node `ready` puts
 * native code in its place (native-engine.ts). Both are proven to answer alike (test/engines.test.ts): a node and a
 * browser must never disagree about a signature.
 */
import { libsodium } from './sodium.js';
import { wipe } from './secret-bytes.js';

export interface Engine {
  readonly ed25519: 'wasm' | 'native';
  sha256(data: Uint8Array): Uint8Array;
  /** The public key of a 32-byte seed (RFC 8032 §5.1.5). */
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** Lengths (32 and 64 bytes) are checked by the caller. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export const wasmEngine: Engine = {
  ed25519: 'wasm',
  sha256: (data) => libsodium().crypto_hash_sha256(data),
  publicKey: (seed) => withPrivateKey(seed, (_, publicKey) => publicKey),
  sign: (seed, message) => withPrivateKey(seed, (privateKey) => libsodium().crypto_sign_detached(message, privateKey)),
  verify: (publicKey, message, signature) => libsodium().crypto_sign_verify_detached(signature, message, publicKey),
};

let current: Engine = wasmEngine;

/** The engine in use. */
export function engine(): Engine {
  return current;
}

/** Which Ed25519 code is in use: for a start-up log line and for benches. */
export function ed25519Engine(): Engine['ed25519'] {
  return current.ed25519;
}

export function useEngine(chosen: Engine): void {
  current = chosen;
}

function withPrivateKey(seed: Uint8Array, use: (privateKey: Uint8Array, publicKey: Uint8Array) => Uint8Array) {
  const { privateKey, publicKey } = libsodium().crypto_sign_seed_keypair(seed);
  const result = use(privateKey, publicKey);
  wipe(privateKey);
  return result;
}
