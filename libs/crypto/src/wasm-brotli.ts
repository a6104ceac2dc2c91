/**
 * The decoder for browsers: Rust's brotli-decompressor as WASM (brotli-dec-wasm), which gives no more output than it is
 * asked for. It only decodes: a browser sends its messages uncompressed.
 */
import { type BrotliCodec, useBrotli } from './brotli-codec.js';
import { CryptoError } from './crypto-error.js';

type Decoder = Pick<typeof import('brotli-dec-wasm/web'), 'BrotliDecStream'>;

// BrotliStreamResultCode.ResultSuccess; the others say that input or room for output is missing.
const FINISHED = 1;

/**
 * Loads the decoder (some 200 KB beside the bundle) and puts it in place. In browsers `ready` tries it too, and lets it
 * fail: a page whose server lacks the file still reads what is not compressed.
 */
export async function loadBrotli(): Promise<void> {
  const decoder = await import('brotli-dec-wasm/web');
  await decoder.default();
  useBrotli(wasmBrotli(decoder));
}

/** The codec over a decoder that has been initialised. */
export function wasmBrotli(decoder: Decoder): BrotliCodec {
  return { decompress: (data, maximum) => decompressed(new decoder.BrotliDecStream(), data, maximum) };
}

function decompressed(stream: InstanceType<Decoder['BrotliDecStream']>, data: Uint8Array, maximum: number) {
  try {
    // One byte more than allowed shows that there is more.
    const result = stream.dec(data, maximum + 1);
    const [output, code] = [result.buf, result.code];
    result.free();
    if (Number(code) !== FINISHED || output.length > maximum) {
      throw new CryptoError('malformed', 'the Brotli stream is cut off or too long');
    }
    return output;
  } finally {
    stream.free();
  }
}
