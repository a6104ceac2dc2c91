/**
 * Ed25519 (RFC 8032) as libsodium verifies it: S must be below the group order, small-order or non-canonical keys and
 * commitments are refused, and the equation is checked without the cofactor. Private keys are 32-byte seeds. The
 * public key is always recomputed when signing: a signer who lets a caller pass another public key gives the private
 * key away.
 */
import { requireLength } from './crypto-error.js';
import { engine } from './engine.js';
import { randomBytes } from './random.js';
import { revealed, type Secret, SecretBytes } from './secret-bytes.js';

export interface Ed25519KeyPair {
  readonly publicKey: Uint8Array;
  readonly seed: SecretBytes;
}

/** A fresh pair from the CSPRNG (§4.4). */
export function generateEd25519KeyPair(): Ed25519KeyPair {
  return ed25519KeyPair(new SecretBytes(randomBytes(32)));
}

/** The pair of a 32-byte seed. A `Uint8Array` is copied, a `SecretBytes` is kept. Throws `invalid_length`. */
export function ed25519KeyPair(seed: Secret): Ed25519KeyPair {
  const kept = seed instanceof SecretBytes ? seed : new SecretBytes(seed.slice());
  return { publicKey: ed25519PublicKey(kept), seed: kept };
}

/** The raw 32-byte public key of a seed. Throws `invalid_length`. */
export function ed25519PublicKey(seed: Secret): Uint8Array {
  const bytes = revealed(seed);
  requireLength(bytes, 32, 'an Ed25519 seed');
  return engine().publicKey(bytes);
}

/** The raw 64-byte signature. For the protocol's objects use `signDigest`. Throws `invalid_length`. */
export function sign(seed: Secret, message: Uint8Array): Uint8Array {
  const bytes = revealed(seed);
  requireLength(bytes, 32, 'an Ed25519 seed');
  return engine().sign(bytes, message);
}

/** Whether `signature` is valid; never throws for what a stranger sent, wrong lengths included. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return engine().verify(publicKey, message, signature);
}
