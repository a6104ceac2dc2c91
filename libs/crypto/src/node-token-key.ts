import { ed25519PublicKey } from './ed25519.js';
import { toHex } from './encodings.js';
import { type NodeRoot, nodeRoot } from './node-root.js';
import { sha256 } from './sha256.js';

/** The key with which a node signs session tokens, made from its own (32-byte seed, or the root of it): replicas agree on it without sharing state. */
export function nodeTokenKey(nodeSeed: Uint8Array | NodeRoot): {
  seed: Uint8Array;
  publicKey: Uint8Array;
  keyId: string;
} {
  const seed = nodeRoot(nodeSeed).derive('DCP-JWT-KEY-V1');
  const publicKey = ed25519PublicKey(seed);
  return { seed, publicKey, keyId: toHex(sha256(publicKey)).slice(0, 16) };
}
