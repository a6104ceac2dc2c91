import { ed25519KeyPair, formatKey, fromBase64, type Secret, signDigest } from '@dcp/crypto';
import { messageSigningInput, type SignedType, signingInput } from '@dcp/protocol';
import { type ChannelConfig, defaultNodeId } from '../config.js';

/** The node as an author of signatures. Its seed never leaves this object. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  readonly #seed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(config: ChannelConfig) {
    const seed = fromBase64(config.nodeKey);
    const pair = ed25519KeyPair(seed);
    this.#seed = pair.seed;
    this.publicKey = formatKey('ed25519', pair.publicKey);
    this.nodeId = config.nodeId ?? defaultNodeId(seed);
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#seed, signingInput(type, object));
  }

  /** TYPE NODEMSG: what the node signs where an author sent a plain command (profile §4). */
  signMessage(message: Record<string, unknown> & { channel_id: string }): string {
    return signDigest(this.#seed, messageSigningInput(message, 'NODEMSG'));
  }
}
