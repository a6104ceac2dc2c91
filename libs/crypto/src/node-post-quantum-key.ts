import { formatKey } from './key-text.js';
import { generateMlDsaKeyPair } from './ml-dsa-65.js';
import { type NodeRoot, nodeRoot } from './node-root.js';
import type { SecretBytes } from './secret-bytes.js';

/**
 * The ML-DSA-65 key of a node, made from its seed (32 bytes), or the root of it, as its other secrets are: one secret to keep, and who has an Ed25519 key
 * broken by a quantum computer has the public point, not the seed. `key` is its `ml-dsa-65:` text.
 */
export function nodePostQuantumKey(nodeSeed: Uint8Array | NodeRoot): { key: string; seed: SecretBytes } {
  const { publicKey, seed } = generateMlDsaKeyPair(nodeRoot(nodeSeed).derive('DCP-NODE-ML-DSA-65-V1'));
  return { key: formatKey('ml-dsa-65', publicKey), seed };
}
