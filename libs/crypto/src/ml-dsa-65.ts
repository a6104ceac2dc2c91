/**
 * ML-DSA-65 (FIPS 204, the standard that came from CRYSTALS-Dilithium), pure and hedged, with an empty context. For the
 * protocol's objects use it beside Ed25519 (hybrid-signature.ts), and sign only typed preimages.
 */
import { requireLength } from './crypto-error.js';
import { postQuantum } from './post-quantum-engine.js';
import { randomBytes } from './random.js';
import { revealed, type Secret, SecretBytes } from './secret-bytes.js';

export const ML_DSA_PUBLIC_BYTES = 1952;
export const ML_DSA_SIGNATURE_BYTES = 3309;
const SEED_BYTES = 32;

export interface MlDsaKeyPair {
  /** 1,952 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes: ξ of FIPS 204. */
  readonly seed: SecretBytes;
}

/** A pair from the CSPRNG, or from a 32-byte seed, which is copied. Throws `invalid_length`. */
export function generateMlDsaKeyPair(seed?: Uint8Array): MlDsaKeyPair {
  const kept = seed?.slice() ?? randomBytes(SEED_BYTES);
  requireLength(kept, SEED_BYTES, 'an ML-DSA seed');
  return { publicKey: postQuantum().mlDsaPublicKey(kept), seed: new SecretBytes(kept) };
}

/** The 3,309 bytes of a signature. Throws `invalid_length`. */
export function mlDsaSign(seed: Secret, message: Uint8Array): Uint8Array {
  const bytes = revealed(seed);
  requireLength(bytes, SEED_BYTES, 'an ML-DSA seed');
  return postQuantum().mlDsaSign(bytes, message);
}

/** Whether `signature` is valid; never throws for what a stranger sent. */
export function mlDsaVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ML_DSA_PUBLIC_BYTES || signature.length !== ML_DSA_SIGNATURE_BYTES) return false;
  return postQuantum().mlDsaVerify(publicKey, message, signature);
}
