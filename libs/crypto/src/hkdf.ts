/**
 * HKDF-SHA-256 (RFC 5869), synchronous. The protocol uses it with an empty salt: what Appendix A writes second is the
 * info (profile §1).
 */
import { CryptoError } from './crypto-error.js';
import { hmacSha256 } from './hmac.js';
import { revealed, type Secret, wipe } from './secret-bytes.js';

const HASH_BYTES = 32;
const EMPTY = new Uint8Array(0);

/**
 * `length` bytes of key material. `info` separates purposes: two purposes with one info get one key. Not for
 * passphrases, which need PBKDF2 or Argon2id. Throws `invalid_length` above 255 blocks (8,160 bytes).
 */
export function hkdf(inputKey: Secret, info: Uint8Array, length = HASH_BYTES, salt: Uint8Array = EMPTY): Uint8Array {
  if (length < 1 || length > 255 * HASH_BYTES) throw new CryptoError('invalid_length', 'HKDF gives 1 to 8,160 bytes');
  const pseudoRandomKey = hmacSha256(salt, revealed(inputKey));
  const output = hkdfExpand(pseudoRandomKey, info, length);
  wipe(pseudoRandomKey);
  return output;
}

/** RFC 5869 §2.3: each block is the HMAC of the one before, the info and a counter. */
export function hkdfExpand(pseudoRandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  let block: Uint8Array = EMPTY;
  for (let counter = 1, at = 0; at < length; counter++, at += HASH_BYTES) {
    const input = new Uint8Array(block.length + info.length + 1);
    input.set(block);
    input.set(info, block.length);
    input[input.length - 1] = counter;
    const next = hmacSha256(pseudoRandomKey, input);
    wipe(input);
    wipe(block);
    block = next;
    output.set(block.subarray(0, length - at), at);
  }
  wipe(block);
  return output;
}
