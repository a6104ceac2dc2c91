/**
 * Text forms of bytes: hex, base32 (RFC 4648 §6, lower case, no padding) and UTF-8; base64 has its own file. All are
 * strict on read.
 */
import { CryptoError } from './crypto-error.js';

export { fromBase64, toBase64 } from './base64.js';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE32_SHAPE = /^[a-z2-7]*$/;
// Lengths modulo 8 that no whole number of bytes has.
const BASE32_IMPOSSIBLE = new Set([1, 3, 6]);

const encoder = new TextEncoder();
// A byte order mark is not swallowed: it would make two byte strings one text.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The bytes of a hex text in either case. Throws `invalid_encoding`. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new CryptoError('invalid_encoding', 'not valid hex');
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(text.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}

/** Lower-case base32 without padding. 10 random bytes make the 16 characters of a message id (profile §1). */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer & 0x1f) << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32.charAt((buffer >> (bits - 5)) & 0x1f);
  }
  return bits === 0 ? text : text + BASE32.charAt((buffer << (5 - bits)) & 0x1f);
}

/** The bytes of a lower-case, unpadded base32 text. Throws `invalid_encoding`. */
export function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let buffer = 0;
  let bits = 0;
  let out = 0;
  for (const digit of text) {
    buffer = ((buffer & 0xff) << 5) | BASE32.indexOf(digit);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[out++] = (buffer >> bits) & 0xff;
  }
  const spare = buffer & ((1 << bits) - 1);
  if (!BASE32_SHAPE.test(text) || BASE32_IMPOSSIBLE.has(text.length % 8) || spare !== 0) {
    throw new CryptoError('invalid_encoding', 'not valid base32');
  }
  return bytes;
}

/**
 * UTF-8 bytes of a text. Throws `invalid_encoding` for a lone surrogate: an encoder would replace it silently, and two
 * different texts would then have one signature.
 */
export function toUtf8(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) throw new CryptoError('invalid_encoding', 'not well-formed Unicode');
  return encoder.encode(text);
}

/** The text of UTF-8 bytes. Throws `invalid_encoding` for anything that is not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new CryptoError('invalid_encoding', 'not valid UTF-8');
  }
}
