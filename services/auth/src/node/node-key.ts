import {
  ed25519KeyPair,
  formatKey,
  fromBase64,
  hkdf,
  nodePostQuantumKey,
  nodeTokenKey,
  type Secret,
  signDigest,
  signHybrid,
  toBase32,
  toUtf8,
} from '@dcp/crypto';
import { type SignedType, signingInput, withoutSignatures } from '@dcp/protocol';
import { type AuthConfig, defaultNodeId } from '../config.js';

/**
 * The node's secrets, all made from its one seed, so that replicas agree without sharing state (ADR 9). Nothing here is ever
 * printed or sent.
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
  readonly #seed: Secret;
  readonly #postQuantumSeed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(config: Pick<AuthConfig, 'nodeKey' | 'nodeId'>) {
    const seed = fromBase64(config.nodeKey);
    const pair = ed25519KeyPair(seed);
    this.#seed = pair.seed;
    this.publicKey = formatKey('ed25519', pair.publicKey);
    const { key, seed: postQuantumSeed } = nodePostQuantumKey(seed);
    [this.postQuantumKey, this.#postQuantumSeed] = [key, postQuantumSeed];
    this.nodeId = config.nodeId ?? defaultNodeId(seed);
    const token = nodeTokenKey(seed);
    [this.tokenSeed, this.tokenPublicKey, this.tokenKeyId] = [token.seed, token.publicKey, token.keyId];
    this.challengeSecret = hkdf(seed, toUtf8('DCP-CHALLENGE-SECRET-V1'));
    this.decoySecret = hkdf(seed, toUtf8('DCP-DECOY-SECRET-V1'));
  }

  /** The owner's invite: the same on every replica; `generation` counts those that were used. */
  ownerInvite(generation: number): string {
    return toBase32(hkdf(this.#seed, toUtf8(`DCP-OWNER-INVITE-V1\0${generation}`), 16));
  }

  /** A node document with both signatures of the node (TYPE NODE). */
  signDocument<T extends object>(document: T): T & { hybrid: string; signature: string } {
    const whole = { ...document, hybrid: this.signHybrid('NODE', document) };
    return { ...whole, signature: this.sign('NODE', whole) };
  }

  /** By the Ed25519 and the ML-DSA-65 key. */
  private signHybrid(type: SignedType, object: object): string {
    return signHybrid(
      { ed25519: this.#seed, mlDsa: this.#postQuantumSeed },
      signingInput(type, withoutSignatures(object)),
    );
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#seed, signingInput(type, object));
  }
}
