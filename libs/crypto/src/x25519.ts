/**
 * X25519 (RFC 7748): key pairs and shared secrets. A public key of low order would make the secret one that everybody
 * knows: such results are refused (RFC 7748 §6.1). Never use a shared secret as a key; derive one.
 */
import { constantTimeEqual } from './constant-time.js';
import { CryptoError, requireLength } from './crypto-error.js';
import { randomBytes } from './random.js';
import { revealed, type Secret, SecretBytes } from './secret-bytes.js';
import { libsodium } from './sodium.js';

export interface X25519KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: SecretBytes;
}

/** A fresh pair from the CSPRNG. */
export function generateX25519KeyPair(): X25519KeyPair {
  const privateKey = new SecretBytes(randomBytes(32));
  return { publicKey: x25519PublicKey(privateKey), privateKey };
}

/** The public key of a 32-byte private key; clamping is done here (RFC 7748 §5). Throws `invalid_length`. */
export function x25519PublicKey(privateKey: Secret): Uint8Array {
  const bytes = revealed(privateKey);
  requireLength(bytes, 32, 'an X25519 private key');
  return libsodium().crypto_scalarmult_base(bytes);
}

/**
 * The 32-byte shared secret; wipe it. Throws `invalid_length`, or `invalid_key` if the public key gives the all-zero
 * result.
 */
export function x25519SharedSecret(privateKey: Secret, publicKey: Uint8Array): Uint8Array {
  const bytes = revealed(privateKey);
  requireLength(bytes, 32, 'an X25519 private key');
  requireLength(publicKey, 32, 'an X25519 public key');
  const shared = scalarProduct(bytes, publicKey);
  if (shared === undefined || constantTimeEqual(shared, new Uint8Array(32))) {
    throw new CryptoError('invalid_key', 'an X25519 public key of low order');
  }
  return shared;
}

/** `undefined` where libsodium itself refuses the point. */
function scalarProduct(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  const sodium = libsodium();
  try {
    return sodium.crypto_scalarmult(privateKey, publicKey);
  } catch {
    return undefined;
  }
}
