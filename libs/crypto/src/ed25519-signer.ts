import { ed25519PublicKey, sign } from './ed25519.js';
import type { Secret } from './secret-bytes.js';

/** Whoever can sign with an Ed25519 key, wherever it lies: in memory as a seed, or in a device that never gives it out. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The raw 64-byte signature. */
  sign(message: Uint8Array): Uint8Array;
}

/** The signer of a 32-byte seed, which is kept and not copied. Throws `invalid_length`. */
export function seedSigner(seed: Secret): Ed25519Signer {
  return { publicKey: ed25519PublicKey(seed), sign: (message) => sign(seed, message) };
}

/** The raw signature by a seed or by a signer. */
export function signBy(by: Secret | Ed25519Signer, message: Uint8Array): Uint8Array {
  return 'sign' in by ? by.sign(message) : sign(by, message);
}
