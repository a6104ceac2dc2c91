/**
 * Argon2id v1.3 (RFC 9106) by libsodium, which fixes the parallelism at 1. It blocks the thread it runs on (64 MiB and
 * three passes: about a quarter of a second) and the WASM heap keeps the size it grew to. Parameters that come from a
 * stranger have bounds on both sides: above, they would exhaust us; below, a node could ask a new device for a
 * retrieval key that is cheap to reverse.
 */
import { CryptoError, requireLength } from './crypto-error.js';
import { libsodium } from './sodium.js';

export interface Argon2idCost {
  /** In KiB. */
  readonly memoryKiB: number;
  /** RFC 9106's t. */
  readonly passes: number;
}

/** What we write (profile §3). */
export const ARGON2ID_DEFAULT: Argon2idCost = { memoryKiB: 64 * 1024, passes: 3 };
/** The most we accept (profile §3). */
export const ARGON2ID_MAX: Argon2idCost = { memoryKiB: 1024 * 1024, passes: 10 };
/** The least we accept: OWASP's minimum of 19 MiB and two passes. */
export const ARGON2ID_MIN: Argon2idCost = { memoryKiB: 19 * 1024, passes: 2 };

/** Throws `kdf_out_of_bounds` unless the cost is between the least and the most. */
export function checkArgon2idCost({ memoryKiB, passes }: Argon2idCost): void {
  const isWithin = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if (
    !isWithin(memoryKiB, ARGON2ID_MIN.memoryKiB, ARGON2ID_MAX.memoryKiB) ||
    !isWithin(passes, ARGON2ID_MIN.passes, ARGON2ID_MAX.passes)
  ) {
    throw new CryptoError('kdf_out_of_bounds', 'the Argon2id cost is out of bounds');
  }
}

/**
 * 32 bytes from `password` (bytes, see `passphraseBytes`) and a 16-byte salt.
 * Throws `kdf_out_of_bounds`, `invalid_length`, or `out_of_memory` where the heap cannot grow that far.
 */
export async function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  cost: Argon2idCost = ARGON2ID_DEFAULT,
): Promise<Uint8Array> {
  checkArgon2idCost(cost);
  requireLength(salt, 16, 'an Argon2id salt');
  const sodium = libsodium();
  try {
    const { passes, memoryKiB } = cost;
    return sodium.crypto_pwhash(32, password, salt, passes, memoryKiB * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13);
  } catch {
    throw new CryptoError('out_of_memory', 'Argon2id could not get its memory');
  }
}
