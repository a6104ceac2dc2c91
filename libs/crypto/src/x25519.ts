/** X25519 (RFC 7748): key pairs only. Device keys carry one. */
import { requireLength } from './crypto-error.js';
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
