/**
 * The code of a function (Appendix A): its hash is SHA-256 of the bytes, and the author signs that hash with Ed25519. Plain, without a type
 * in front: a key that signs code must sign nothing else of 32 bytes.
 */
import { sign, verify } from './ed25519.js';
import { formatHash, formatSignature, parseSignature } from './key-text.js';
import type { Secret } from './secret-bytes.js';
import { sha256 } from './sha256.js';

export interface SignedCode {
  /** `sha256:` and the hash in hex. */
  hash: string;
  /** `ed25519:` and the signature over the 32 bytes of the hash. */
  signature: string;
}

/** `seed`: 32 bytes of the author's signing key. Throws `invalid_length`. */
export function signFunctionCode(seed: Secret, code: Uint8Array): SignedCode {
  const digest = sha256(code);
  return { hash: formatHash(digest), signature: formatSignature(sign(seed, digest)) };
}

/** False for changed code, another hash, another author, or anything that is no signature. `publicKey`: 32 bytes. */
export function verifyFunctionCode(publicKey: Uint8Array, code: Uint8Array, { hash, signature }: SignedCode): boolean {
  const digest = sha256(code);
  if (formatHash(digest) !== hash) return false;
  try {
    return verify(publicKey, digest, parseSignature(signature));
  } catch {
    return false;
  }
}
