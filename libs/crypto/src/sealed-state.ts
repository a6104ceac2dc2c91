/**
 * State at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a random 24-byte nonce, which cannot repeat by
 * chance. Form: version 1 | nonce 24 | ciphertext, tag 16. The additional data is `"DCP-STATE-V1" 00 | context`, so that
 * one record cannot stand in the place of another. It does not stop a whole older record from being put back: a
 * rolled-back ratchet would repeat keys, therefore the caller bumps the prekey epoch when it restores a backup.
 */
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { CryptoError, requireLength } from './crypto-error.js';
import { toUtf8 } from './encodings.js';
import { randomBytes } from './random.js';
import { revealed, type Secret } from './secret-bytes.js';
import { libsodium } from './sodium.js';

const VERSION = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;

/** The sealed form of `state` for the place that `context` names. Throws `invalid_length`. */
export function sealState(key: Secret, context: string, state: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const body = libsodium().crypto_aead_xchacha20poly1305_ietf_encrypt(
    state,
    additionalData(context),
    null,
    nonce,
    checkedKey(key),
  );
  return new ByteWriter().u8(VERSION).raw(nonce).raw(body).finish();
}

/** The state. Throws `malformed` for another form, `decryption_failed` for another key, context or content. */
export function openState(key: Secret, context: string, sealed: Uint8Array): Uint8Array {
  const bytes = checkedKey(key);
  const reader = new ByteReader(sealed);
  reader.version(VERSION);
  const nonce = reader.raw(NONCE_BYTES);
  const body = reader.raw(reader.remaining);
  const sodium = libsodium();
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, body, additionalData(context), nonce, bytes);
  } catch {
    throw new CryptoError('decryption_failed', 'the sealed state is not authentic');
  }
}

function checkedKey(key: Secret): Uint8Array {
  const bytes = revealed(key);
  requireLength(bytes, KEY_BYTES, 'a state key');
  return bytes;
}

function additionalData(context: string): Uint8Array {
  return toUtf8(`DCP-STATE-V1\0${context}`);
}
