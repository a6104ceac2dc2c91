/** The small encodings that the protocol's binary forms are put together from. Numbers are big-endian. */

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 §6, lower case, without padding. */
export function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => BASE32[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The length as u16, then the bytes. */
export function block(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([u16(bytes.length), bytes]);
}

/** `00`, or `01` and the bytes. */
export function opt(value: Uint8Array | undefined): Buffer {
  return value === undefined ? Buffer.from([0]) : Buffer.concat([Buffer.from([1]), value]);
}

/** Reads a binary form from its beginning; throws when it ends too early. */
export class ByteReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get at(): number {
    return this.#at;
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(this.#at, this.#at + length);
    if (taken.length !== length) throw new Error('the bytes end too early');
    this.#at += length;
    return taken;
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u32(): number {
    return this.take(4).readUInt32BE();
  }

  block(): Buffer {
    return this.take(this.take(2).readUInt16BE());
  }

  opt<T>(read: (reader: ByteReader) => T): T | undefined {
    const flag = this.u8();
    if (flag > 1) throw new Error('neither 00 nor 01');
    return flag === 1 ? read(this) : undefined;
  }

  rest(): Buffer {
    return this.take(this.bytes.length - this.#at);
  }
}
