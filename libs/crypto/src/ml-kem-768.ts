/**
 * ML-KEM-768 (FIPS 203, the standard that came from CRYSTALS-Kyber; round-3 Kyber gives other bytes and is not spoken
 * here). Decapsulation never fails: a damaged ciphertext gives another secret (implicit rejection), so the secret must
 * go into a key that authenticates something. A KEM tells nothing about who encapsulated.
 */
import { CryptoError, requireLength } from './crypto-error.js';
import { postQuantum } from './post-quantum-engine.js';
import { randomBytes } from './random.js';
import { revealed, type Secret, SecretBytes } from './secret-bytes.js';

export const ML_KEM_PUBLIC_BYTES = 1184;
export const ML_KEM_CIPHERTEXT_BYTES = 1088;
export const ML_KEM_SEED_BYTES = 64;

const MODULUS = 3329;
// The key ends in 32 bytes of seed for the matrix; before them stand the coefficients, two in three bytes.
const COEFFICIENT_BYTES = ML_KEM_PUBLIC_BYTES - 32;

export interface MlKemKeyPair {
  /** 1,184 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes: d ‖ z of FIPS 203. */
  readonly seed: SecretBytes;
}

/** A pair from the CSPRNG, or from a 64-byte seed, which is copied. Throws `invalid_length`. */
export function generateMlKemKeyPair(seed?: Uint8Array): MlKemKeyPair {
  const kept = seed?.slice() ?? randomBytes(ML_KEM_SEED_BYTES);
  requireLength(kept, ML_KEM_SEED_BYTES, 'an ML-KEM seed');
  return { publicKey: postQuantum().mlKemPublicKey(kept), seed: new SecretBytes(kept) };
}

/**
 * A fresh shared secret (32 bytes; wipe it) and its ciphertext (1,088 bytes) for the holder of `publicKey`. Throws
 * `invalid_key` for a key of another length, or with a coefficient above the modulus (FIPS 203 §7.2).
 */
export function mlKemEncapsulate(publicKey: Uint8Array): { ciphertext: Uint8Array; sharedSecret: Uint8Array } {
  if (!isMlKemPublicKey(publicKey)) throw new CryptoError('invalid_key', 'not an ML-KEM-768 public key');
  return postQuantum().mlKemEncapsulate(publicKey);
}

/** The 32-byte shared secret; wipe it. Throws `invalid_length`, never for a ciphertext's content. */
export function mlKemDecapsulate(seed: Secret, ciphertext: Uint8Array): Uint8Array {
  const bytes = revealed(seed);
  requireLength(bytes, ML_KEM_SEED_BYTES, 'an ML-KEM seed');
  requireLength(ciphertext, ML_KEM_CIPHERTEXT_BYTES, 'an ML-KEM ciphertext');
  return postQuantum().mlKemDecapsulate(bytes, ciphertext);
}

/** Whether `bytes` pass the length and modulus checks of FIPS 203 §7.2. */
export function isMlKemPublicKey(bytes: Uint8Array): boolean {
  if (bytes.length !== ML_KEM_PUBLIC_BYTES) return false;
  for (let at = 0; at < COEFFICIENT_BYTES; at += 3) {
    const [low = 0, middle = 0, high = 0] = bytes.subarray(at, at + 3);
    if ((low | ((middle & 0x0f) << 8)) >= MODULUS || ((middle >> 4) | (high << 4)) >= MODULUS) return false;
  }
  return true;
}
