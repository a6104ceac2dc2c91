/**
 * Signatures over the protocol's objects (profile §1, Appendix A): Ed25519 over the SHA-256 of a preimage, which is
 * the specification's `message_hash`. The preimage is `"DCP-" + TYPE + "-V1" + 0x00 + JCS(object)`, made by
 * `@dcp/protocol`; sign nothing without such a prefix, or a signature for one purpose serves another.
 */
import { verify } from './ed25519.js';
import { type Ed25519Signer, signBy } from './ed25519-signer.js';
import { formatSignature, parseSignature } from './key-text.js';
import type { Secret } from './secret-bytes.js';
import { sha256 } from './sha256.js';

/** The 32 bytes that are signed. */
export function signedDigest(preimage: Uint8Array): Uint8Array {
  return sha256(preimage);
}

/** The `ed25519:` signature text of a preimage. Throws `invalid_length` for a seed of another length than 32. */
export function signDigest(by: Secret | Ed25519Signer, preimage: Uint8Array): string {
  return formatSignature(signBy(by, signedDigest(preimage)));
}

/**
 * Whether `signature` (text) is by `publicKey` (raw 32 bytes) over `preimage`. False, not an exception, for malformed
 * text.
 */
export function verifySigned(publicKey: Uint8Array, preimage: Uint8Array, signature: string): boolean {
  const bytes = parsedOrUndefined(signature);
  return bytes !== undefined && verify(publicKey, signedDigest(preimage), bytes);
}

function parsedOrUndefined(signature: string): Uint8Array | undefined {
  try {
    return parseSignature(signature);
  } catch {
    return undefined;
  }
}
