/** Prekeys as X3DH and PQXDH use them. Their signatures are checked by whoever fetched them (TYPE PREKEY). */
import type { Secret } from './secret-bytes.js';

export interface PublicPrekey {
  /** Unique per kind and epoch; 32 bits. */
  readonly id: number;
  readonly key: Uint8Array;
}

/** What is published of a device, and fetched to write to it. `epoch` grows when the device restores a backup. */
export interface PrekeyBundle {
  readonly epoch: number;
  /** X25519. */
  readonly signed: PublicPrekey;
  /** X25519. */
  readonly oneTime?: PublicPrekey | undefined;
  /** ML-KEM-768. */
  readonly kem?: PublicPrekey | undefined;
}

/** The device's own stock in its current epoch; `undefined` for what it never had or has used up. */
export interface PrekeySecrets {
  signed(id: number): Secret | undefined;
  oneTime(id: number): Secret | undefined;
  /** The 64-byte seed. */
  kem(id: number): Secret | undefined;
}
