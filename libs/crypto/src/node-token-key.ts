import { ed25519PublicKey } from './ed25519.js';
import { toHex, toUtf8 } from './encodings.js';
import { hkdf } from './hkdf.js';
import { sha256 } from './sha256.js';

/** The key with which a node signs session tokens, made from its own (32-byte seed): replicas agree on it without sharing state. */
export function nodeTokenKey(nodeSeed: Uint8Array): { seed: Uint8Array; publicKey: Uint8Array; keyId: string } {
  const seed = hkdf(nodeSeed, toUtf8('DCP-JWT-KEY-V1'));
  const publicKey = ed25519PublicKey(seed);
  return { seed, publicKey, keyId: toHex(sha256(publicKey)).slice(0, 16) };
}
