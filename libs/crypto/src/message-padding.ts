/**
 * The padded form of a message's content (§12.4, profile §5), made before it is sealed, so that the length of a
 * ciphertext tells little:
 *
 *   codec 1 (0 plain, 1 Brotli) | length u32, big-endian | data | zeros                in all one of five sizes
 *
 * Compression shows in the size of what is sealed: whoever can put text into somebody's message and watch sizes could
 * learn something of the rest. The five steps leave little of that, and Brotli is taken only where it saves a step.
 */
import { brotliCompressed, brotliDecompressed } from './brotli-codec.js';
import { ByteReader, malformed } from './byte-reader.js';
import { CryptoError } from './crypto-error.js';

/** The sizes in bytes; the largest leaves room for base64 and signature in a message of 65,536 bytes. */
export const PADDING_BUCKETS: readonly number[] = [256, 1024, 4096, 16_384, 45_056];

const PLAIN = 0;
const BROTLI = 1;
const HEADER_BYTES = 5;
const MAX_CONTENT_BYTES = 65_536;

/** The padded form. Throws `too_large` above 65,536 bytes, or if the content fits into no size. */
export function packContent(content: Uint8Array): Uint8Array {
  const plainBucket = bucketOf(content);
  const squeezed = plainBucket === PADDING_BUCKETS[0] ? undefined : compressed(content);
  const brotliBucket = squeezed === undefined ? undefined : bucketOf(squeezed);
  if (squeezed !== undefined && brotliBucket !== undefined && brotliBucket < (plainBucket ?? Infinity)) {
    return padded(BROTLI, squeezed, brotliBucket);
  }
  if (plainBucket === undefined) throw new CryptoError('too_large', 'the content is too large for a message');
  return padded(PLAIN, content, plainBucket);
}

/** The content. Throws `malformed` for a size, codec, length or padding that `packContent` does not make. */
export function unpackContent(form: Uint8Array): Uint8Array {
  if (!PADDING_BUCKETS.includes(form.length)) throw malformed();
  const reader = new ByteReader(form);
  const codec = reader.u8();
  const data = reader.raw(reader.u32());
  if (codec > BROTLI || reader.raw(reader.remaining).some((byte) => byte !== 0)) throw malformed();
  return codec === PLAIN ? data : brotliDecompressed(data, MAX_CONTENT_BYTES);
}

function compressed(content: Uint8Array): Uint8Array | undefined {
  return content.length <= MAX_CONTENT_BYTES ? brotliCompressed(content) : undefined;
}

function bucketOf(data: Uint8Array): number | undefined {
  return PADDING_BUCKETS.find((size) => data.length + HEADER_BYTES <= size);
}

function padded(codec: number, data: Uint8Array, size: number): Uint8Array {
  const form = new Uint8Array(size);
  const view = new DataView(form.buffer);
  view.setUint8(0, codec);
  view.setUint32(1, data.length);
  form.set(data, HEADER_BYTES);
  return form;
}
