import { open, seal } from './sealed-message.js';

/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): HChaCha20 by hand in front of what node:crypto has. */

const NONCE = 24;

export function openExtended(key: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const { subKey, nonce } = extended(key, sealed.subarray(0, NONCE));
  return open(subKey, nonce, sealed.subarray(NONCE), aad);
}

/** The nonce stands in front. */
export function sealExtended(key: Buffer, nonce: Buffer, plaintext: Buffer, aad: Buffer): Buffer {
  const inner = extended(key, nonce);
  return Buffer.concat([nonce, seal(inner.subKey, inner.nonce, plaintext, aad)]);
}

function extended(key: Buffer, nonce: Buffer): { subKey: Buffer; nonce: Buffer } {
  return { subKey: hChaCha20(key, nonce.subarray(0, 16)), nonce: Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]) };
}

function hChaCha20(key: Buffer, nonce: Buffer): Buffer {
  const input = Buffer.concat([Buffer.from('expand 32-byte k'), key, nonce]);
  const state = Uint32Array.from({ length: 16 }, (_, i) => input.readUInt32LE(i * 4));
  for (let round = 0; round < 10; round++) doubleRound(state);
  const output = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((word, i) => output.writeUInt32LE(state[word] ?? 0, i * 4));
  return output;
}

const COLUMNS_AND_DIAGONALS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

function doubleRound(state: Uint32Array): void {
  for (const [a, b, c, d] of COLUMNS_AND_DIAGONALS) {
    mix(state, a, b, d, 16);
    mix(state, c, d, b, 12);
    mix(state, a, b, d, 8);
    mix(state, c, d, b, 7);
  }
}

/** x += y; z = (z ^ x) <<< by. */
function mix(state: Uint32Array, x: number, y: number, z: number, by: number): void {
  const sum = ((state[x] ?? 0) + (state[y] ?? 0)) >>> 0;
  const turned = (state[z] ?? 0) ^ sum;
  state[x] = sum;
  state[z] = ((turned << by) | (turned >>> (32 - by))) >>> 0;
}
