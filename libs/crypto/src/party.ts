/** The two ends of a pairwise session: devices, as the signed DEVICE objects of their users describe them (profile §3). */
import type { SecretBytes } from './secret-bytes.js';

export interface Party {
  readonly userId: string;
  readonly device: string;
  /** The device's raw Ed25519 key, 32 bytes. */
  readonly signingKey: Uint8Array;
  /** The device's raw X25519 key, 32 bytes: the identity key of X3DH. */
  readonly exchangeKey: Uint8Array;
  /** Whether the DEVICE object has the capability `ml-kem-768`. */
  readonly postQuantum: boolean;
}

export interface OwnParty extends Party {
  readonly exchangeSecret: SecretBytes;
}
