import {
  defaultNodeId,
  type Ed25519Signer,
  formatKey,
  nodePostQuantumKey,
  type Secret,
  signDigest,
  signHybrid,
} from '@dcp/crypto';
import { type NodeIdentity, seedIdentity } from '@dcp/node-kit/node-key';
import { type SignedType, signingInput, withoutSignatures } from '@dcp/protocol';
import type { FederationConfig } from '../config.js';

/** The node as an author of signatures. Its keys never leave this object, or not even the HSM. */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the public key. */
  readonly publicKey: string;
  /** Seals the private key of the certificate where it lies in the database. */
  readonly tlsSecret: Uint8Array;
  /** `ml-dsa-65:` text of the key that signs beside it. */
  readonly postQuantumKey: string;
  readonly #signer: Ed25519Signer;
  readonly #postQuantumSeed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(
    config: Pick<FederationConfig, 'nodeKey' | 'nodeId'>,
    { signer, root }: Pick<NodeIdentity, 'signer' | 'root'> = seedIdentity(config.nodeKey),
  ) {
    this.#signer = signer;
    this.publicKey = formatKey('ed25519', signer.publicKey);
    const { key, seed: postQuantumSeed } = nodePostQuantumKey(root);
    [this.postQuantumKey, this.#postQuantumSeed] = [key, postQuantumSeed];
    this.nodeId = config.nodeId ?? defaultNodeId(signer.publicKey);
    this.tlsSecret = root.derive('DCP-FEDERATION-TLS-V1');
  }

  /** A node document with both signatures of the node (TYPE NODE). */
  signDocument<T extends object>(document: T): T & { hybrid: string; signature: string } {
    const whole = { ...document, hybrid: this.signHybrid('NODE', document) };
    return { ...whole, signature: this.sign('NODE', whole) };
  }

  /** By the Ed25519 and the ML-DSA-65 key. */
  signHybrid(type: SignedType, object: object): string {
    return signHybrid(
      { ed25519: this.#signer, mlDsa: this.#postQuantumSeed },
      signingInput(type, withoutSignatures(object)),
    );
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#signer, signingInput(type, object));
  }
}
