import { defaultNodeId, type Ed25519Signer, formatKey, signDigest } from '@dcp/crypto';
import { type NodeIdentity, seedIdentity } from '@dcp/node-kit/node-key';
import { messageSigningInput, type SignedType, signingInput } from '@dcp/protocol';
import type { ChannelConfig } from '../config.js';

/** The node as an author of signatures. Its key never leaves this object, or not even the HSM. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  readonly #signer: Ed25519Signer;

  /** Needs `ready()` of the crypto library. */
  constructor(config: ChannelConfig, { signer }: Pick<NodeIdentity, 'signer'> = seedIdentity(config.nodeKey)) {
    this.#signer = signer;
    this.publicKey = formatKey('ed25519', signer.publicKey);
    this.nodeId = config.nodeId ?? defaultNodeId(signer.publicKey);
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#signer, signingInput(type, object));
  }

  /** TYPE NODEMSG: what the node signs where an author sent a plain command (profile §4). */
  signMessage(message: Record<string, unknown> & { channel_id: string }): string {
    return signDigest(this.#signer, messageSigningInput(message, 'NODEMSG'));
  }
}
