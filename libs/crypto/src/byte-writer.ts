/** Builds the package's binary forms. Numbers are big-endian; what has no fixed length is preceded by its length. */
import { checkTime } from './check-time.js';
import { CryptoError } from './crypto-error.js';
import { toUtf8 } from './encodings.js';
import { wipe } from './secret-bytes.js';

const TWO_TO_32 = 2 ** 32;
const TWO_TO_16 = 2 ** 16;

export class ByteWriter {
  readonly #parts: Uint8Array[] = [];

  /** Bytes whose length the reader knows; they are copied. */
  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes.slice());
    return this;
  }

  u8(value: number): this {
    return this.#number(value, 1);
  }

  u16(value: number): this {
    return this.#number(value, 2);
  }

  u32(value: number): this {
    return this.#number(value, 4);
  }

  /** A time in milliseconds since 1970, in eight bytes. */
  time(value: number): this {
    checkTime(value);
    return this.u32(Math.floor(value / TWO_TO_32)).u32(value % TWO_TO_32);
  }

  /** Length in two bytes, then the bytes. */
  block(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** UTF-8, as a block. */
  text(text: string): this {
    return this.block(toUtf8(text));
  }

  /** 0, or 1 and what `write` adds. */
  optional<T>(value: T | undefined, write: (value: T) => void): this {
    this.u8(value === undefined ? 0 : 1);
    if (value !== undefined) write(value);
    return this;
  }

  /** Everything written, as one array; the writer's own copies are wiped. */
  finish(): Uint8Array {
    const joined = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts.splice(0)) {
      joined.set(part, at);
      at += part.length;
      wipe(part);
    }
    return joined;
  }

  #number(value: number, size: 1 | 2 | 4): this {
    const limit = size === 1 ? 256 : size === 2 ? TWO_TO_16 : TWO_TO_32;
    if (!Number.isInteger(value) || value < 0 || value >= limit) {
      throw new CryptoError('malformed', `a number does not fit into ${size} bytes`);
    }
    const bytes = new Uint8Array(size);
    for (let at = size - 1, rest = value; at >= 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
    this.#parts.push(bytes);
    return this;
  }
}
