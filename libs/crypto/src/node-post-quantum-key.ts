import { toUtf8 } from './encodings.js';
import { hkdf } from './hkdf.js';
import { formatKey } from './key-text.js';
import { generateMlDsaKeyPair } from './ml-dsa-65.js';
import type { SecretBytes } from './secret-bytes.js';

/**
 * The ML-DSA-65 key of a node, made from its seed (32 bytes) as its other secrets are: one secret to keep, and who has an Ed25519 key
 * broken by a quantum computer has the public point, not the seed. `key` is its `ml-dsa-65:` text.
 */
export function nodePostQuantumKey(nodeSeed: Uint8Array): { key: string; seed: SecretBytes } {
  const { publicKey, seed } = generateMlDsaKeyPair(hkdf(nodeSeed, toUtf8('DCP-NODE-ML-DSA-65-V1')));
  return { key: formatKey('ml-dsa-65', publicKey), seed };
}
