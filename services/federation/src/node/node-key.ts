import { ed25519KeyPair, formatKey, fromBase64, hkdf, type Secret, signDigest, toUtf8 } from '@dcp/crypto';
import { type SignedType, signingInput } from '@dcp/protocol';
import { defaultNodeId, type FederationConfig } from '../config.js';

/** The node as an author of signatures. Its seed never leaves this object. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  /** Seals the private key of the certificate where it lies in the database. */
  readonly tlsSecret: Uint8Array;
  readonly #seed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(config: Pick<FederationConfig, 'nodeKey' | 'nodeId'>) {
    const seed = fromBase64(config.nodeKey);
    const pair = ed25519KeyPair(seed);
    this.#seed = pair.seed;
    this.publicKey = formatKey('ed25519', pair.publicKey);
    this.nodeId = config.nodeId ?? defaultNodeId(seed);
    this.tlsSecret = hkdf(seed, toUtf8('DCP-FEDERATION-TLS-V1'));
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#seed, signingInput(type, object));
  }
}
