import {
  defaultNodeId,
  type Ed25519Signer,
  formatKey,
  nodePostQuantumKey,
  type NodeRoot,
  nodeTokenKey,
  type Secret,
  signDigest,
  signHybrid,
  toBase32,
} from '@dcp/crypto';
import { type NodeIdentity, seedIdentity } from '@dcp/node-kit/node-key';
import { type SignedType, signingInput, withoutSignatures } from '@dcp/protocol';
import type { AuthConfig } from '../config.js';

/**
 * The node's secrets, all but the key that signs made from one root, so that replicas agree without sharing state (ADR 9, ADR 29).
 * Nothing here is ever printed or sent.
 */
export class NodeKey {
  readonly nodeId: string;
  /** `ed25519:` text of the node's public key. */
  readonly publicKey: string;
  readonly tokenSeed: Uint8Array;
  readonly tokenPublicKey: Uint8Array;
  /** Names the token key in JWT headers and in the JWKS. */
  readonly tokenKeyId: string;
  readonly challengeSecret: Uint8Array;
  readonly decoySecret: Uint8Array;
  /** `ml-dsa-65:` text of the key that signs beside it. */
  readonly postQuantumKey: string;
  readonly #signer: Ed25519Signer;
  readonly #root: NodeRoot;
  readonly #postQuantumSeed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(
    config: Pick<AuthConfig, 'nodeKey' | 'nodeId'>,
    { signer, root }: Pick<NodeIdentity, 'signer' | 'root'> = seedIdentity(config.nodeKey),
  ) {
    [this.#signer, this.#root] = [signer, root];
    this.publicKey = formatKey('ed25519', signer.publicKey);
    const { key, seed: postQuantumSeed } = nodePostQuantumKey(root);
    [this.postQuantumKey, this.#postQuantumSeed] = [key, postQuantumSeed];
    this.nodeId = config.nodeId ?? defaultNodeId(signer.publicKey);
    const token = nodeTokenKey(root);
    [this.tokenSeed, this.tokenPublicKey, this.tokenKeyId] = [token.seed, token.publicKey, token.keyId];
    this.challengeSecret = root.derive('DCP-CHALLENGE-SECRET-V1');
    this.decoySecret = root.derive('DCP-DECOY-SECRET-V1');
  }

  /** The owner's invite: the same on every replica; `generation` counts those that were used. */
  ownerInvite(generation: number): string {
    return toBase32(this.#root.derive(`DCP-OWNER-INVITE-V1\0${generation}`, 16));
  }

  /** A node document with both signatures of the node (TYPE NODE). */
  signDocument<T extends object>(document: T): T & { hybrid: string; signature: string } {
    const whole = { ...document, hybrid: this.signHybrid('NODE', document) };
    return { ...whole, signature: this.sign('NODE', whole) };
  }

  /** By the Ed25519 and the ML-DSA-65 key. */
  private signHybrid(type: SignedType, object: object): string {
    return signHybrid(
      { ed25519: this.#signer, mlDsa: this.#postQuantumSeed },
      signingInput(type, withoutSignatures(object)),
    );
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#signer, signingInput(type, object));
  }
}
