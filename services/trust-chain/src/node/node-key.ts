import { ed25519KeyPair, formatKey, fromBase64, type Secret, signDigest } from '@dcp/crypto';
import { signingInput } from '@dcp/protocol';
import { defaultNodeId, type TrustChainConfig } from '../config.js';

/** The node as the author of its trust log. Its seed never leaves this object. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  readonly #seed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(config: Pick<TrustChainConfig, 'nodeKey' | 'nodeId'>) {
    const seed = fromBase64(config.nodeKey);
    const pair = ed25519KeyPair(seed);
    this.#seed = pair.seed;
    this.publicKey = formatKey('ed25519', pair.publicKey);
    this.nodeId = config.nodeId ?? defaultNodeId(seed);
  }

  /** The object with its signature (TYPE TRUST). */
  signed<T extends object>(object: T): T & { signature: string } {
    return { ...object, signature: signDigest(this.#seed, signingInput('TRUST', object)) };
  }
}
