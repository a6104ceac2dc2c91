/**
 * Reads the package's binary forms: strict and bounded. Nothing is read past the end, nothing is allocated by a length
 * that the input does not hold, and `end` refuses what is left over. Every refusal is `malformed`.
 */
import { CryptoError } from './crypto-error.js';
import { fromUtf8 } from './encodings.js';

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** A copy of the next `length` bytes. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw malformed();
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  u8(): number {
    return this.#number(1);
  }

  u16(): number {
    return this.#number(2);
  }

  u32(): number {
    return this.#number(4);
  }

  /** A time in milliseconds since 1970 from eight bytes. */
  time(): number {
    const value = this.u32() * 2 ** 32 + this.u32();
    if (!Number.isSafeInteger(value)) throw malformed();
    return value;
  }

  /** Length in two bytes, then so many bytes. */
  block(maximum: number): Uint8Array {
    const length = this.u16();
    if (length > maximum) throw malformed();
    return this.raw(length);
  }

  /** A block of UTF-8. */
  text(maximum: number): string {
    const bytes = this.block(maximum);
    try {
      return fromUtf8(bytes);
    } catch {
      throw malformed();
    }
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw malformed();
    return value === 1;
  }

  optional<T>(read: () => T): T | undefined {
    return this.flag() ? read() : undefined;
  }

  /** The version byte that begins every serialised form. */
  version(expected: number): void {
    if (this.u8() !== expected) throw malformed();
  }

  /** A count in two bytes, at most `maximum`, with at least `itemBytes` of input left for each. */
  count(maximum: number, itemBytes: number): number {
    const count = this.u16();
    if (count > maximum || count * itemBytes > this.remaining) throw malformed();
    return count;
  }

  end(): void {
    if (this.remaining !== 0) throw malformed();
  }

  #number(size: number): number {
    if (size > this.remaining) throw malformed();
    let value = 0;
    for (let count = 0; count < size; count++) value = value * 256 + (this.#bytes[this.#at++] ?? 0);
    return value;
  }
}

export function malformed(): CryptoError {
  return new CryptoError('malformed', 'not in the expected form');
}
