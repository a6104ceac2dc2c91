/**
 * `encrypted_data` of the identity file: the private keys under a passphrase (§4.2, §4.4, profile §3). The passphrase
 * gives a master key (Argon2id or PBKDF2), that gives `encryption_key` of Appendix A, that seals with
 * ChaCha20-Poly1305. `additionalData` is the JCS of `{identity, home_node, account_type}`, so that a thief cannot move
 * the keys to another endpoint.
 */
import { ARGON2ID_DEFAULT, argon2id } from './argon2id.js';
import { AEAD_NONCE_BYTES, open, seal } from './aead.js';
import { CryptoError, requireLength } from './crypto-error.js';
import {
  beginsWithMagic,
  joinEncryptedData,
  type KdfParameters,
  SALT_BYTES,
  splitEncryptedData,
} from './encrypted-data-format.js';
import { encryptionKey, masterKey } from './key-schedule.js';
import { passphraseBytes } from './passphrase.js';
import { randomBytes } from './random.js';
import { type Secret, SecretBytes, wipe } from './secret-bytes.js';

export type { KdfParameters } from './encrypted-data-format.js';

/** Fresh parameters with a random salt: Argon2id with 64 MiB and three passes, or §4.4's PBKDF2. */
export function newKdfParameters(kdf: KdfParameters['kdf'] = 'argon2id'): KdfParameters {
  const salt = drawSalt();
  return kdf === 'argon2id' ? { kdf, cost: ARGON2ID_DEFAULT, salt } : { kdf, salt };
}

/**
 * What a blob says about its KDF: a node serves this first, so that a new device can make its retrieval key. Throws as
 * `openEncryptedData`.
 */
export function readKdfParameters(blob: Uint8Array): KdfParameters {
  return splitEncryptedData(blob).parameters;
}

/**
 * The master key of a passphrase. Throws `invalid_passphrase`, `invalid_length`, `kdf_out_of_bounds`, `out_of_memory`.
 */
export async function deriveMasterKey(passphrase: string, parameters: KdfParameters): Promise<SecretBytes> {
  requireLength(parameters.salt, SALT_BYTES, 'a salt');
  if (parameters.kdf === 'pbkdf2') return masterKey(passphrase, parameters.salt);
  const password = passphraseBytes(passphrase);
  try {
    return new SecretBytes(await argon2id(password, parameters.salt, parameters.cost));
  } finally {
    wipe(password);
  }
}

/** The blob for a plaintext (JSON of the private keys) with a new salt and nonce. */
export async function sealEncryptedData(
  passphrase: string,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
  options: { readonly kdf?: KdfParameters['kdf'] } = {},
): Promise<Uint8Array> {
  const parameters = newKdfParameters(options.kdf);
  const master = await deriveMasterKey(passphrase, parameters);
  const blob = sealWithMasterKey(master, parameters, plaintext, additionalData);
  master.wipe();
  return blob;
}

/**
 * The plaintext; wipe it after use. Throws `wrong_passphrase` (also when the blob or the additional data was changed:
 * the tag cannot tell), `malformed_blob`, `unsupported_kdf`, `kdf_out_of_bounds`, `out_of_memory`,
 * `invalid_passphrase`.
 */
export async function openEncryptedData(
  passphrase: string,
  blob: Uint8Array,
  additionalData: Uint8Array,
): Promise<Uint8Array> {
  const master = await deriveMasterKey(passphrase, readKdfParameters(blob));
  try {
    return openWithMasterKey(master, blob, additionalData);
  } finally {
    master.wipe();
  }
}

/** As `sealEncryptedData`, for a caller that needs the master key too (retrieval key) and would not derive it twice. */
export function sealWithMasterKey(
  master: Secret,
  parameters: KdfParameters,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  const key = encryptionKey(master);
  const nonce = randomBytes(AEAD_NONCE_BYTES);
  const ciphertext = seal(key, nonce, plaintext, additionalData);
  key.wipe();
  return joinEncryptedData({ parameters, nonce, ciphertext });
}

/** As `openEncryptedData`, with the master key made from this blob's own parameters. */
export function openWithMasterKey(master: Secret, blob: Uint8Array, additionalData: Uint8Array): Uint8Array {
  const { nonce, ciphertext } = splitEncryptedData(blob);
  const key = encryptionKey(master);
  try {
    return open(key, nonce, ciphertext, additionalData);
  } catch {
    throw new CryptoError('wrong_passphrase', 'the passphrase is wrong or the identity file was changed');
  } finally {
    key.wipe();
  }
}

/** A salt that cannot be taken for a header (see encrypted-data-format.ts). */
function drawSalt(): Uint8Array {
  const salt = randomBytes(SALT_BYTES);
  return beginsWithMagic(salt) ? drawSalt() : salt;
}
