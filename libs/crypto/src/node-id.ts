import { toBase32 } from './encodings.js';
import { sha256 } from './sha256.js';

/** Profile §2: the first 8 characters of lower-case base32 of SHA-256 of a node's (first) raw Ed25519 public key. */
export function defaultNodeId(publicKey: Uint8Array): string {
  return toBase32(sha256(publicKey)).slice(0, 8);
}
