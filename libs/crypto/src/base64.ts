/**
 * Base64 (RFC 4648 §4, emitted with padding). On read the URL-safe alphabet (§5) and missing padding are accepted too
 * (profile §1); everything else is refused: white space, a mix of both alphabets, wrong padding and non-zero spare
 * bits, so that one value has few spellings. The tables are indexed by secret bytes: fine for transport, not a
 * constant-time codec.
 */
import { CryptoError } from './crypto-error.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
// A multiple of three, so that no chunk but the last is padded.
const CHUNK = 3 * 4096;
// Above any digit's value: set where a character is none.
const NO_DIGIT = 0x40;

const STANDARD = digitTable(ALPHABET);
const URL_SAFE = digitTable(ALPHABET.replace('+', '-').replace('/', '_'));

/** Padded base64 of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return text;
}

/** The bytes of a base64 or base64url text. Throws `invalid_encoding`. */
export function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  const digits = text.length - padding;
  const isWhole = padding === 0 ? digits % 4 !== 1 : text.length % 4 === 0;
  const table = /[-_]/.test(text) ? URL_SAFE : STANDARD;
  const bytes = new Uint8Array(Math.floor((digits * 3) / 4));
  if (!isWhole || decodeDigits(text, digits, table, bytes) !== 0) {
    throw new CryptoError('invalid_encoding', 'not valid base64');
  }
  return bytes;
}

/** Fills `bytes`; the result is zero unless a character was no digit or a spare bit was set. */
function decodeDigits(text: string, digits: number, table: Uint8Array, bytes: Uint8Array): number {
  let buffer = 0;
  let bits = 0;
  let out = 0;
  let faults = 0;
  for (let at = 0; at < digits; at++) {
    const digit = table[text.charCodeAt(at)] ?? NO_DIGIT;
    faults |= digit & NO_DIGIT;
    buffer = ((buffer & 0x3f) << 6) | (digit & 0x3f);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[out++] = (buffer >> bits) & 0xff;
  }
  return faults | (buffer & ((1 << bits) - 1));
}

function digitTable(alphabet: string): Uint8Array {
  const table = new Uint8Array(128).fill(NO_DIGIT);
  for (let value = 0; value < 64; value++) table[alphabet.charCodeAt(value)] = value;
  return table;
}
