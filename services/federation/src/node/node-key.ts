import {
  ed25519KeyPair,
  formatKey,
  fromBase64,
  hkdf,
  nodePostQuantumKey,
  type Secret,
  signDigest,
  signHybrid,
  toUtf8,
} from '@dcp/crypto';
import { type SignedType, signingInput, withoutSignatures } from '@dcp/protocol';
import { defaultNodeId, type FederationConfig } from '../config.js';

/** The node as an author of signatures. Its seed never leaves this object. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  /** Seals the private key of the certificate where it lies in the database. */
  readonly tlsSecret: Uint8Array;
  /** `ml-dsa-65:` text of the key that signs beside it. */
  readonly postQuantumKey: string;
  readonly #seed: Secret;
  readonly #postQuantumSeed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(config: Pick<FederationConfig, 'nodeKey' | 'nodeId'>) {
    const seed = fromBase64(config.nodeKey);
    const pair = ed25519KeyPair(seed);
    this.#seed = pair.seed;
    this.publicKey = formatKey('ed25519', pair.publicKey);
    const { key, seed: postQuantumSeed } = nodePostQuantumKey(seed);
    [this.postQuantumKey, this.#postQuantumSeed] = [key, postQuantumSeed];
    this.nodeId = config.nodeId ?? defaultNodeId(seed);
    this.tlsSecret = hkdf(seed, toUtf8('DCP-FEDERATION-TLS-V1'));
  }

  /** A node document with both signatures of the node (TYPE NODE). */
  signDocument<T extends object>(document: T): T & { hybrid: string; signature: string } {
    const whole = { ...document, hybrid: this.signHybrid('NODE', document) };
    return { ...whole, signature: this.sign('NODE', whole) };
  }

  /** By the Ed25519 and the ML-DSA-65 key. */
  signHybrid(type: SignedType, object: object): string {
    return signHybrid(
      { ed25519: this.#seed, mlDsa: this.#postQuantumSeed },
      signingInput(type, withoutSignatures(object)),
    );
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#seed, signingInput(type, object));
  }
}
