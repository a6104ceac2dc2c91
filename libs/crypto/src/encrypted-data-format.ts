/**
 * The bytes of `encrypted_data` (§4.1, profile §3), before base64:
 *
 *   Argon2id   "DCP-ENC" 00 | version 1 | KDF 1 | memory KiB u32 | passes u32 | salt 16 | nonce 12 | ciphertext, tag 16
 *   PBKDF2     salt 16 | nonce 12 | ciphertext, tag 16                     (§4.4, the literal form without a header)
 *
 * Numbers are big-endian. The two cannot be confused: a blob that begins with the magic is the first form, and we
 * never draw a salt that begins with it; for another writer's random salt the chance is 2^-64. The header needs no
 * authentication of its own: every field of it goes into the key.
 */
import { type Argon2idCost, checkArgon2idCost } from './argon2id.js';
import { CryptoError } from './crypto-error.js';
import { toUtf8 } from './encodings.js';

/** How a master key is made from a passphrase; not secret. The salt has 16 bytes. */
export type KdfParameters =
  | { readonly kdf: 'pbkdf2'; readonly salt: Uint8Array }
  | { readonly kdf: 'argon2id'; readonly cost: Argon2idCost; readonly salt: Uint8Array };

export interface EncryptedDataParts {
  readonly parameters: KdfParameters;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const MAGIC = Uint8Array.of(...toUtf8('DCP-ENC'), 0);
const VERSION = 1;
const KDF_ARGON2ID = 1;
const HEADER_BYTES = MAGIC.length + 10;
export const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function beginsWithMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

export function joinEncryptedData({ parameters, nonce, ciphertext }: EncryptedDataParts): Uint8Array {
  const header = parameters.kdf === 'argon2id' ? argon2idHeader(parameters.cost) : new Uint8Array(0);
  const pieces = [header, parameters.salt, nonce, ciphertext];
  const blob = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    blob.set(piece, at);
    at += piece.length;
  }
  return blob;
}

/** Throws `malformed_blob`, `unsupported_kdf` or `kdf_out_of_bounds`. */
export function splitEncryptedData(blob: Uint8Array): EncryptedDataParts {
  const hasHeader = beginsWithMagic(blob);
  const body = hasHeader ? blob.subarray(HEADER_BYTES) : blob;
  if (body.length < SALT_BYTES + NONCE_BYTES + TAG_BYTES) {
    throw new CryptoError('malformed_blob', 'encrypted_data is too short');
  }
  const salt = body.slice(0, SALT_BYTES);
  return {
    parameters: hasHeader ? { kdf: 'argon2id', cost: readHeader(blob), salt } : { kdf: 'pbkdf2', salt },
    nonce: body.slice(SALT_BYTES, SALT_BYTES + NONCE_BYTES),
    ciphertext: body.slice(SALT_BYTES + NONCE_BYTES),
  };
}

function argon2idHeader({ memoryKiB, passes }: Argon2idCost): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  view.setUint8(8, VERSION);
  view.setUint8(9, KDF_ARGON2ID);
  view.setUint32(10, memoryKiB);
  view.setUint32(14, passes);
  return header;
}

function readHeader(blob: Uint8Array): Argon2idCost {
  const view = new DataView(blob.buffer, blob.byteOffset, HEADER_BYTES);
  if (view.getUint8(8) !== VERSION || view.getUint8(9) !== KDF_ARGON2ID) {
    throw new CryptoError('unsupported_kdf', 'encrypted_data names an unknown version or KDF');
  }
  const cost = { memoryKiB: view.getUint32(10), passes: view.getUint32(14) };
  checkArgon2idCost(cost);
  return cost;
}
