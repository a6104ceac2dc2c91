/**
 * Brotli (RFC 7932), decoding always bounded. The codec is replaceable: on Node zlib does both directions
 * (native-brotli.ts), in browsers `ready` loads a decoder (wasm-brotli.ts) and nothing compresses.
 */
import { CryptoError } from './crypto-error.js';

export interface BrotliCodec {
  /** Left out where there is no encoder. */
  readonly compress?: (data: Uint8Array) => Uint8Array;
  /** The whole output, or an exception if the input is damaged or its output is longer than `maximum` bytes. */
  readonly decompress: (data: Uint8Array, maximum: number) => Uint8Array;
}

let current: BrotliCodec | undefined;

/** Puts another codec in place; `undefined` takes it away. */
export function useBrotli(codec: BrotliCodec | undefined): void {
  current = codec;
}

/** The compressed form, or `undefined` where nothing compresses. */
export function brotliCompressed(data: Uint8Array): Uint8Array | undefined {
  return current?.compress?.(data);
}

/** At most `maximum` bytes. Throws `malformed`, or `not_ready` before a decoder is there. */
export function brotliDecompressed(data: Uint8Array, maximum: number): Uint8Array {
  if (current === undefined) throw new CryptoError('not_ready', 'await ready() first');
  try {
    return current.decompress(data, maximum);
  } catch {
    throw new CryptoError('malformed', 'not a Brotli stream of an accepted size');
  }
}
