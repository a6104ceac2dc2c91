/**
 * Base64 (RFC 4648 §4, emitted with padding). On read the URL-safe alphabet (§5) and missing padding are accepted too (profile §1);
 * everything else is refused: white space, a mix of both alphabets, wrong padding and non-zero spare bits, so that one value has few
 * spellings. The tables are indexed by secret bytes: fine for transport, not a constant-time codec.
 */
import { CryptoError } from './crypto-error.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SHAPE = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)(={0,2})$/;
const CHUNK = 3 * 4096;

const DIGITS = new Uint8Array(128);
for (let value = 0; value < 64; value++) DIGITS[ALPHABET.charCodeAt(value)] = value;
DIGITS['-'.charCodeAt(0)] = 62;
DIGITS['_'.charCodeAt(0)] = 63;

/** Padded base64 of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return btoa(binary);
}

/** The bytes of a base64 or base64url text. Throws `invalid_encoding`. */
export function fromBase64(text: string): Uint8Array {
  const padding = SHAPE.exec(text)?.[1]?.length ?? -1;
  const digits = text.length - padding;
  const spare = digits % 4;
  if (padding < 0 || spare === 1 || (padding > 0 && text.length % 4 !== 0)) throw refused();
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  const rest = decodeDigits(text, digits, bytes);
  if (rest !== 0) throw refused();
  return bytes;
}

/** Fills `bytes` and returns the bits that are left over; a canonical text leaves zero. */
function decodeDigits(text: string, digits: number, bytes: Uint8Array): number {
  let buffer = 0;
  let bits = 0;
  let out = 0;
  for (let at = 0; at < digits; at++) {
    buffer = ((buffer & 0x3f) << 6) | (DIGITS[text.charCodeAt(at)] ?? 0);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[out++] = (buffer >> bits) & 0xff;
  }
  return buffer & ((1 << bits) - 1);
}

function refused(): CryptoError {
  return new CryptoError('invalid_encoding', 'not valid base64');
}
