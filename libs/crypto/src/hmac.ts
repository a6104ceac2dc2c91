/** HMAC-SHA-256 (RFC 2104) and its 16-byte truncation. Compare tags with `constantTimeEqual`. */
import { revealed, type Secret } from './secret-bytes.js';
import { libsodium } from './sodium.js';

/** The 32-byte tag; the key may have any length, 32 bytes are meant. */
export function hmacSha256(key: Secret, data: Uint8Array): Uint8Array {
  const sodium = libsodium();
  const state = sodium.crypto_auth_hmacsha256_init(revealed(key));
  sodium.crypto_auth_hmacsha256_update(state, data);
  return sodium.crypto_auth_hmacsha256_final(state);
}

/** HMAC-128: the first 16 bytes (RFC 2104 §5), for challenges that carry their own proof (profile §3). */
export function hmac128(key: Secret, data: Uint8Array): Uint8Array {
  return hmacSha256(key, data).slice(0, 16);
}
