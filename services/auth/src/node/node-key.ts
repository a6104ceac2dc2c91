import {
  ed25519KeyPair,
  ed25519PublicKey,
  formatKey,
  fromBase64,
  hkdf,
  type Secret,
  sha256,
  signDigest,
  toBase32,
  toHex,
  toUtf8,
} from '@dcp/crypto';
import { type SignedType, signingInput } from '@dcp/protocol';
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
  readonly #seed: Secret;

  /** Needs `ready()` of the crypto library. */
  constructor(config: Pick<AuthConfig, 'nodeKey' | 'nodeId'>) {
    const seed = fromBase64(config.nodeKey);
    const pair = ed25519KeyPair(seed);
    this.#seed = pair.seed;
    this.publicKey = formatKey('ed25519', pair.publicKey);
    this.nodeId = config.nodeId ?? defaultNodeId(seed);
    this.tokenSeed = hkdf(seed, toUtf8('DCP-JWT-KEY-V1'));
    this.tokenPublicKey = ed25519PublicKey(this.tokenSeed);
    this.tokenKeyId = toHex(sha256(this.tokenPublicKey)).slice(0, 16);
    this.challengeSecret = hkdf(seed, toUtf8('DCP-CHALLENGE-SECRET-V1'));
    this.decoySecret = hkdf(seed, toUtf8('DCP-DECOY-SECRET-V1'));
  }

  /** The owner's invite: the same on every replica; `generation` counts those that were used. */
  ownerInvite(generation: number): string {
    return toBase32(hkdf(this.#seed, toUtf8(`DCP-OWNER-INVITE-V1\0${generation}`), 16));
  }

  sign(type: SignedType, object: object): string {
    return signDigest(this.#seed, signingInput(type, object));
  }
}
