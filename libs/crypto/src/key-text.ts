/**
 * How keys, signatures and hashes are written (profile §1): an algorithm's name, a colon, then base64 (hex for hashes).
 * Parsing checks the shape only: that a key is no small-order point is checked by `verify`.
 */
import { fromBase64, fromHex, toBase64, toHex, toUtf8 } from './encodings.js';
import { CryptoError, requireLength } from './crypto-error.js';

export type KeyAlgorithm = 'ed25519' | 'x25519' | 'ml-kem-768' | 'ml-dsa-65' | 'falcon-512';

export interface ParsedKey {
  readonly algorithm: KeyAlgorithm;
  /** The raw public key: 32 bytes, 1,184 for ML-KEM-768, 1,952 for ML-DSA-65, 897 for Falcon-512. */
  readonly bytes: Uint8Array;
}

const KEY_BYTES: Readonly<Record<KeyAlgorithm, number>> = {
  ed25519: 32,
  x25519: 32,
  'ml-kem-768': 1184,
  'ml-dsa-65': 1952,
  'falcon-512': 897,
};
const ALIASES: Readonly<Record<string, KeyAlgorithm>> = { dilithium: 'ml-dsa-65', 'kyber-768': 'ml-kem-768' };
const SIGNATURE_BYTES = 64;
const HASH_SHAPE = /^sha256:([0-9a-f]{64})$/;
// RFC 8709 §4: string "ssh-ed25519", then string key; a string is its length in four bytes, then its bytes.
const SSH_PREFIX = Uint8Array.of(0, 0, 0, 11, ...toUtf8('ssh-ed25519'), 0, 0, 0, KEY_BYTES.ed25519);

/** `ed25519:<base64>` of a raw public key, or the same for another algorithm. Throws `invalid_length`. */
export function formatKey(algorithm: KeyAlgorithm, bytes: Uint8Array): string {
  requireLength(bytes, KEY_BYTES[algorithm], 'a public key');
  return `${algorithm}:${toBase64(bytes)}`;
}

/**
 * Reads a public key: the raw bytes or, for Ed25519, also the OpenSSH wire blob of §4.1's example. `dilithium` and
 * `kyber-768` are read as the standards that came from them. Check `algorithm` before you use `bytes`. Throws
 * `invalid_key`.
 */
export function parseKey(text: string): ParsedKey {
  const [name, body] = splitAtColon(text);
  const algorithm = algorithmOf(name);
  const bytes = decoded(body, refusedKey);
  if (bytes.length === KEY_BYTES[algorithm]) return { algorithm, bytes };
  if (algorithm === 'ed25519' && isSshBlob(bytes)) return { algorithm, bytes: bytes.slice(SSH_PREFIX.length) };
  throw refusedKey();
}

/** `ed25519:<base64>` of a raw 64-byte signature. Throws `invalid_length`. */
export function formatSignature(bytes: Uint8Array): string {
  requireLength(bytes, SIGNATURE_BYTES, 'a signature');
  return `ed25519:${toBase64(bytes)}`;
}

/** The raw 64 bytes of an `ed25519:` signature. Throws `invalid_signature`. */
export function parseSignature(text: string): Uint8Array {
  const [algorithm, body] = splitAtColon(text);
  if (algorithm !== 'ed25519') throw refusedSignature();
  const bytes = decoded(body, refusedSignature);
  if (bytes.length !== SIGNATURE_BYTES) throw refusedSignature();
  return bytes;
}

/** `sha256:<lower-case hex>` of a 32-byte digest. Throws `invalid_length`. */
export function formatHash(digest: Uint8Array): string {
  requireLength(digest, 32, 'a SHA-256 digest');
  return `sha256:${toHex(digest)}`;
}

/**
 * The 32 bytes of a `sha256:` hash; upper-case hex is refused, since hashes are compared as text. Throws
 * `invalid_hash`.
 */
export function parseHash(text: string): Uint8Array {
  const hex = HASH_SHAPE.exec(text)?.[1];
  if (hex === undefined) throw new CryptoError('invalid_hash', 'not a sha256: hash');
  return fromHex(hex);
}

function algorithmOf(name: string): KeyAlgorithm {
  if (Object.hasOwn(KEY_BYTES, name)) return name as KeyAlgorithm;
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
  if (alias === undefined) throw refusedKey();
  return alias;
}

function splitAtColon(text: string): [string, string] {
  const colon = text.indexOf(':');
  return [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
}

function isSshBlob(bytes: Uint8Array): boolean {
  return bytes.length === SSH_PREFIX.length + KEY_BYTES.ed25519 && SSH_PREFIX.every((byte, at) => bytes[at] === byte);
}

function decoded(body: string, refused: () => CryptoError): Uint8Array {
  try {
    return fromBase64(body);
  } catch {
    throw refused();
  }
}

function refusedKey(): CryptoError {
  return new CryptoError('invalid_key', 'not a public key of a known algorithm');
}

function refusedSignature(): CryptoError {
  return new CryptoError('invalid_signature', 'not an ed25519: signature of 64 bytes');
}
