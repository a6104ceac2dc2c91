import { defaultNodeId, type Ed25519Signer, formatKey, signDigest } from '@dcp/crypto';
import { type NodeIdentity, seedIdentity } from '@dcp/node-kit/node-key';
import { signingInput } from '@dcp/protocol';
import type { TrustChainConfig } from '../config.js';

/** The node as the author of its trust log. Its key never leaves this object, or not even the HSM. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  readonly #signer: Ed25519Signer;

  /** Needs `ready()` of the crypto library. */
  constructor(
    config: Pick<TrustChainConfig, 'nodeKey' | 'nodeId'>,
    { signer }: Pick<NodeIdentity, 'signer'> = seedIdentity(config.nodeKey),
  ) {
    this.#signer = signer;
    this.publicKey = formatKey('ed25519', signer.publicKey);
    this.nodeId = config.nodeId ?? defaultNodeId(signer.publicKey);
  }

  /** The object with its signature (TYPE TRUST). */
  signed<T extends object>(object: T): T & { signature: string } {
    return { ...object, signature: signDigest(this.#signer, signingInput('TRUST', object)) };
  }
}
