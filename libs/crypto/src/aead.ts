/**
 * ChaCha20-Poly1305 (RFC 8439): 256-bit key, 96-bit nonce, 128-bit tag at the end (§12.1).
 * Two messages under one key and nonce break it completely. The tag does not commit to the key.
 */
import { CryptoError, requireLength } from './crypto-error.js';
import { revealed, type Secret } from './secret-bytes.js';
import { libsodium } from './sodium.js';

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

const NO_DATA = new Uint8Array(0);

/** Ciphertext and tag. `additionalData` is authenticated, not hidden. Throws `invalid_length`. */
export function seal(
  key: Secret,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additionalData: Uint8Array = NO_DATA,
): Uint8Array {
  const bytes = checkedKey(key, nonce);
  return libsodium().crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, additionalData, null, nonce, bytes);
}

/**
 * The plaintext. Throws `invalid_length`, or `decryption_failed` if anything (key, nonce, data, ciphertext) is not
 * what was sealed.
 */
export function open(
  key: Secret,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  additionalData: Uint8Array = NO_DATA,
): Uint8Array {
  const bytes = checkedKey(key, nonce);
  const sodium = libsodium();
  try {
    return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, ciphertext, additionalData, nonce, bytes);
  } catch {
    throw new CryptoError('decryption_failed', 'the ciphertext is not authentic');
  }
}

function checkedKey(key: Secret, nonce: Uint8Array): Uint8Array {
  const bytes = revealed(key);
  requireLength(bytes, AEAD_KEY_BYTES, 'a ChaCha20-Poly1305 key');
  requireLength(nonce, AEAD_NONCE_BYTES, 'a ChaCha20-Poly1305 nonce');
  return bytes;
}
