/** Brotli from Node's zlib, in both directions. */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { BrotliCodec } from './brotli-codec.js';

// A window of 64 KiB: a content is not longer, and a reader need not allocate more.
const params = { [constants.BROTLI_PARAM_LGWIN]: 16 };

export const nativeBrotli: BrotliCodec = {
  compress: (data) => new Uint8Array(brotliCompressSync(data, { params })),
  decompress: (data, maximum) => new Uint8Array(brotliDecompressSync(data, { maxOutputLength: maximum })),
};
