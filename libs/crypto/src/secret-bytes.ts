/**
 * Keys in memory. `SecretBytes` shows nothing when it is logged, printed, inspected or serialised, and can be wiped.
 * JavaScript may still hold copies (garbage collector, WASM heap, strings): wiping shortens a key's life, it is no
 * guarantee.
 */
import { CryptoError } from './crypto-error.js';

/** What every function that uses a secret accepts. */
export type Secret = SecretBytes | Uint8Array;

export class SecretBytes {
  #bytes: Uint8Array | undefined;
  readonly length: number;

  /** Takes ownership of `bytes`: it is not copied, and `wipe` zeroes it. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.length = bytes.length;
  }

  /** The live bytes, not a copy: do not keep them. Throws `secret_wiped` after `wipe`. */
  reveal(): Uint8Array {
    if (this.#bytes === undefined) throw new CryptoError('secret_wiped', 'this secret has been wiped');
    return this.#bytes;
  }

  /** Zeroes the bytes; the object is useless afterwards. */
  wipe(): void {
    if (this.#bytes !== undefined) wipe(this.#bytes);
    this.#bytes = undefined;
  }

  toString(): string {
    return `[secret, ${this.length} bytes]`;
  }

  toJSON(): string {
    return this.toString();
  }

  // util.inspect and console.log of Node ask for this symbol; by its registered name, since no Node module is imported
  // here.
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** Overwrites `bytes` with zeros. */
export function wipe(bytes: Uint8Array): void {
  bytes.fill(0);
}

/** The bytes behind either form of a secret. */
export function revealed(secret: Secret): Uint8Array {
  return secret instanceof SecretBytes ? secret.reveal() : secret;
}
