import { randomBytes } from 'node:crypto';

/** RFC 6455 §5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  /** Last frame of a message. Default true. */
  fin?: boolean;
  /** Clients must mask; false makes a fault. */
  masked?: boolean;
  /** The three reserved bits, as they stand in the first byte. */
  reserved?: number;
}

export function encodeFrame(opcode: number, payload: Buffer, options: FrameOptions = {}): Buffer {
  const { fin = true, masked = true, reserved = 0 } = options;
  const first = (fin ? 0x80 : 0) | reserved | opcode;
  const head = Buffer.concat([Buffer.from([first]), lengthBytes(payload.length, masked)]);
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

function lengthBytes(length: number, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0;
  if (length < 126) return Buffer.from([bit | length]);
  if (length < 65_536) return Buffer.from([bit | 126, length >> 8, length & 0xff]);
  const long = Buffer.alloc(9);
  long[0] = bit | 127;
  long.writeBigUInt64BE(BigInt(length), 1);
  return long;
}

export interface ServerFrame {
  fin: boolean;
  opcode: number;
  payload: Buffer;
}

/** Cuts a byte stream of a server into frames. A masked frame throws: servers must not mask (RFC 6455 §5.1). */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next whole frame, or undefined until more bytes have come. */
  next(): ServerFrame | undefined {
    const bytes = this.#joined();
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return undefined;
    if ((second & 0x80) !== 0) throw new Error('the server masks its frames');
    const head = headLength(second);
    if (bytes.length < head) return undefined;
    const length = payloadLength(bytes, second);
    if (bytes.length < head + length) return undefined;
    this.#keep(bytes.subarray(head + length));
    return { fin: (first & 0x80) !== 0, opcode: first & 0x0f, payload: bytes.subarray(head, head + length) };
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#keep(Buffer.concat(this.#chunks, this.#length));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #keep(bytes: Buffer): void {
    this.#chunks = [bytes];
    this.#length = bytes.length;
  }
}

function headLength(second: number): number {
  if (second < 126) return 2;
  return second === 126 ? 4 : 10;
}

function payloadLength(bytes: Buffer, second: number): number {
  if (second < 126) return second;
  if (bytes.length < headLength(second)) return 0;
  return second === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
}
