/**
 * Signatures that hold while either Ed25519 or ML-DSA-65 does (profile §1): `ed25519+ml-dsa-65:` and the base64 of both
 * raw signatures in that order, over one digest (signed-object.ts). They verify only if both do; whoever accepts one half
 * alone from a signer with both keys has given the point away.
 */
import { verify } from './ed25519.js';
import { type Ed25519Signer, signBy } from './ed25519-signer.js';
import { fromBase64, toBase64 } from './encodings.js';
import { ML_DSA_SIGNATURE_BYTES, mlDsaSign, mlDsaVerify } from './ml-dsa-65.js';
import type { Secret } from './secret-bytes.js';
import { signedDigest } from './signed-object.js';

const PREFIX = 'ed25519+ml-dsa-65:';
const ED25519_BYTES = 64;

export interface HybridPublicKeys {
  /** 32 bytes. */
  readonly ed25519: Uint8Array;
  /** 1,952 bytes. */
  readonly mlDsa: Uint8Array;
}

export interface HybridSeeds {
  readonly ed25519: Secret | Ed25519Signer;
  readonly mlDsa: Secret;
}

/** The signature text of a typed preimage. Throws `invalid_length`. */
export function signHybrid(seeds: HybridSeeds, preimage: Uint8Array): string {
  const digest = signedDigest(preimage);
  return PREFIX + toBase64(Uint8Array.of(...signBy(seeds.ed25519, digest), ...mlDsaSign(seeds.mlDsa, digest)));
}

/** Whether both halves are valid. False, not an exception, for anything malformed. */
export function verifyHybrid(keys: HybridPublicKeys, preimage: Uint8Array, signature: string): boolean {
  const bytes = parsed(signature);
  if (bytes === undefined) return false;
  const digest = signedDigest(preimage);
  const classical = verify(keys.ed25519, digest, bytes.subarray(0, ED25519_BYTES));
  return mlDsaVerify(keys.mlDsa, digest, bytes.subarray(ED25519_BYTES)) && classical;
}

function parsed(signature: string): Uint8Array | undefined {
  if (!signature.startsWith(PREFIX)) return undefined;
  try {
    const bytes = fromBase64(signature.slice(PREFIX.length));
    return bytes.length === ED25519_BYTES + ML_DSA_SIGNATURE_BYTES ? bytes : undefined;
  } catch {
    return undefined;
  }
}
