/**
 * The number two people compare to know that nobody stands between them: Signal's numeric fingerprint (libsignal's
 * NumericFingerprintGenerator, version 0) over our identity keys. For each party
 *
 *   hash_1 = SHA-512(00 00 | identity key 32 | user id, UTF-8 | identity key 32)
 *   hash_i = SHA-512(hash_{i-1} | identity key 32)                                    up to hash_5200
 *
 * and six groups of five digits: bytes 5k … 5k+4 of hash_5200 as a big-endian number, modulo 100,000. The smaller
 * party's 30 digits come first. 30 digits are some 99 bits; the rounds make a search for a look-alike dearer, nothing
 * else. The number covers identity keys, not devices: those hang on the identity's device log.
 */
import { requireLength } from './crypto-error.js';
import { toUtf8 } from './encodings.js';
import { libsodium } from './sodium.js';

const VERSION = Uint8Array.of(0, 0);
const ROUNDS = 5_200;
const GROUPS = 6;

export interface SafetyNumberParty {
  readonly userId: string;
  /** The raw 32-byte Ed25519 identity key. */
  readonly identityKey: Uint8Array;
}

/** 60 digits in 12 groups of five, separated by spaces; the same from both sides. Throws `invalid_length`. */
export function safetyNumber(a: SafetyNumberParty, b: SafetyNumberParty): string {
  return [digits(a), digits(b)].toSorted().join(' ');
}

function digits({ userId, identityKey }: SafetyNumberParty): string {
  requireLength(identityKey, 32, 'an identity key');
  const sodium = libsodium();
  let hash = Uint8Array.of(...VERSION, ...identityKey, ...toUtf8(userId));
  for (let round = 0; round < ROUNDS; round++) {
    const input = new Uint8Array(hash.length + identityKey.length);
    input.set(hash);
    input.set(identityKey, hash.length);
    hash = new Uint8Array(sodium.crypto_hash_sha512(input));
  }
  return Array.from({ length: GROUPS }, (_, group) => fiveDigits(hash, group * 5)).join(' ');
}

function fiveDigits(hash: Uint8Array, at: number): string {
  // 40 bits: a whole number in a double.
  let value = 0;
  for (let byte = 0; byte < 5; byte++) value = value * 256 + (hash[at + byte] ?? 0);
  return String(value % 100_000).padStart(5, '0');
}
