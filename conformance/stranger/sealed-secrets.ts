import { createCipheriv, createDecipheriv, createHash, hkdfSync, pbkdf2Sync, randomBytes } from 'node:crypto';
import { type Dict, jcs } from './json.js';

/** The literal form of `encrypted_data` (profile §3): salt ‖ nonce ‖ ChaCha20-Poly1305, the key by PBKDF2 with 100,000 rounds (§4.4). */
const ROUNDS = 100_000;
const SALT = 16;
const NONCE = 12;
const TAG = 16;

/** Appendix A: master_key = PBKDF2-HMAC-SHA256(passphrase, salt, rounds, 32). */
function masterKey(passphrase: string, salt: Buffer, rounds = ROUNDS): Buffer {
  return pbkdf2Sync(passphrase, salt, rounds, 32, 'sha256');
}

/** Appendix A with the profile's reading: HKDF-SHA-256, empty salt, the label as info. */
function derived(master: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), label, 32));
}

/** What fetches the file from the node (profile §3), and the hash of it that the node keeps; both base64. */
export function retrievalOf(passphrase: string, salt: Buffer): { retrieval: string; hash: string } {
  const key = derived(masterKey(passphrase, salt), 'DCP-RETRIEVAL-V1');
  return { retrieval: key.toString('base64'), hash: createHash('sha256').update(key).digest('base64') };
}

/** What binds the blob to its file, so that an endpoint cannot be swapped (profile §3). */
function context(file: Dict): Buffer {
  const { identity, home_node, account_type = 'standard' } = file;
  return Buffer.from(jcs({ identity, home_node, account_type }));
}

export function sealSecrets(file: Dict, passphrase: string, secrets: string, salt = randomBytes(SALT)): string {
  const nonce = randomBytes(NONCE);
  const key = derived(masterKey(passphrase, salt), 'DCP-ENCRYPTION-KEY-V1');
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  const plaintext = Buffer.from(secrets);
  cipher.setAAD(context(file), { plaintextLength: plaintext.length });
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([salt, nonce, sealed]).toString('base64');
}

/** Throws when passphrase, rounds or file are not those of the seal. */
export function openSecrets(file: Dict, passphrase: string, rounds = ROUNDS): string {
  const blob = Buffer.from(String(file['encrypted_data']), 'base64');
  const key = derived(masterKey(passphrase, blob.subarray(0, SALT), rounds), 'DCP-ENCRYPTION-KEY-V1');
  const nonce = blob.subarray(SALT, SALT + NONCE);
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  const sealed = blob.subarray(SALT + NONCE, -TAG);
  decipher.setAAD(context(file), { plaintextLength: sealed.length });
  decipher.setAuthTag(blob.subarray(-TAG));
  return Buffer.concat([decipher.update(sealed), decipher.final()]).toString();
}
