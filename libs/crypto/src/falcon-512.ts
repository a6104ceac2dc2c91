/**
 * Falcon-512 (round 3 of NIST's process; FN-DSA is not final yet), in the padded form: every signature has 666 bytes, so
 * that its length tells nothing. By noble on every platform. Signing samples with floating-point numbers, which no
 * JavaScript engine promises to do in constant time: do not sign where somebody can measure.
 */
import { falcon512padded } from '@noble/post-quantum/falcon.js';
import { requireLength } from './crypto-error.js';
import { randomBytes } from './random.js';
import { revealed, type Secret, SecretBytes, wipe } from './secret-bytes.js';

export const FALCON_PUBLIC_BYTES = 897;
export const FALCON_SIGNATURE_BYTES = 666;
const PRIVATE_BYTES = 1281;
const SEED_BYTES = 48;

export interface FalconKeyPair {
  /** 897 bytes. */
  readonly publicKey: Uint8Array;
  /** 1,281 bytes. Not a seed: making a key again from one takes some 0.2 s. */
  readonly privateKey: SecretBytes;
}

/** A pair from the CSPRNG, or from 48 bytes of seed. Throws `invalid_length`. */
export function generateFalconKeyPair(seed?: Uint8Array): FalconKeyPair {
  const used = seed?.slice() ?? randomBytes(SEED_BYTES);
  requireLength(used, SEED_BYTES, 'a Falcon seed');
  const { publicKey, secretKey } = falcon512padded.keygen(used);
  wipe(used);
  return { publicKey, privateKey: new SecretBytes(secretKey) };
}

/** The 666 bytes of a padded signature. Throws `invalid_length`. */
export function falconSign(privateKey: Secret, message: Uint8Array): Uint8Array {
  const bytes = revealed(privateKey);
  requireLength(bytes, PRIVATE_BYTES, 'a Falcon private key');
  return falcon512padded.sign(message, bytes);
}

/** Whether `signature` is valid; never throws for what a stranger sent. */
export function falconVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== FALCON_PUBLIC_BYTES || signature.length !== FALCON_SIGNATURE_BYTES) return false;
  try {
    return falcon512padded.verify(signature, message, publicKey);
  } catch {
    return false;
  }
}
