import { randomFillSync } from 'node:crypto';

const SYMBOLS = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** The largest multiple of 36 below 256: bytes above it would make some symbols likelier. */
const FAIR = 252;

const pool = new Uint8Array(4096);
let used = pool.length;

/** `length` symbols of [a-z0-9] from the system's CSPRNG, drawn in blocks because one draw each would dominate the cost. */
export function randomId(length: number): string {
  let id = '';
  while (id.length < length) {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const byte = pool[used++] as number;
    if (byte < FAIR) id += SYMBOLS[byte % SYMBOLS.length];
  }
  return id;
}

/** `req_` + 16 of [a-z0-9]: the id that an error answer and the log share (§14.1). */
export function newRequestId(): string {
  return `req_${randomId(16)}`;
}
