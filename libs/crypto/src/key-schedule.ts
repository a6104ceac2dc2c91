/**
 * Appendix A: which key comes from which, by exact label. Every step is HKDF-SHA-256 with an empty salt; the label is
 * the info.
 */
import { requireLength } from './crypto-error.js';
import { toUtf8 } from './encodings.js';
import { hkdf } from './hkdf.js';
import { passphraseBytes } from './passphrase.js';
import { pbkdf2 } from './pbkdf2.js';
import { type Secret, SecretBytes, wipe } from './secret-bytes.js';

/** `PBKDF2-HMAC-SHA256(passphrase, salt, 100000, 32)`. Throws `invalid_passphrase`. */
export async function masterKey(passphrase: string, salt: Uint8Array): Promise<SecretBytes> {
  const password = passphraseBytes(passphrase);
  const key = await pbkdf2(password, salt);
  wipe(password);
  return new SecretBytes(key);
}

/**
 * An Ed25519 seed that the passphrase alone gives back: only an explicit recovery option (profile §3), never the
 * identity key.
 */
export function signingKey(master: Secret): SecretBytes {
  return labelled(master, 'DCP-SIGNING-KEY-V1');
}

/** Seals `encrypted_data` of the identity file. */
export function encryptionKey(master: Secret): SecretBytes {
  return labelled(master, 'DCP-ENCRYPTION-KEY-V1');
}

export function functionKey(master: Secret): SecretBytes {
  return labelled(master, 'DCP-FUNCTION-KEY-V1');
}

/** What a new device shows its node to be given the identity file; the node stores only a hash of it (profile §3). */
export function retrievalKey(master: Secret): SecretBytes {
  return labelled(master, 'DCP-RETRIEVAL-V1');
}

/**
 * `HKDF(conversation_key, nonce, 32)`: the info is the message's 12-byte nonce. A conversation key serves one message
 * (profile §5); never derive labelled keys from it. Throws `invalid_length`.
 */
export function messageKey(conversationKey: Secret, nonce: Uint8Array): SecretBytes {
  requireLength(nonce, 12, 'a nonce');
  return new SecretBytes(hkdf(conversationKey, nonce));
}

function labelled(master: Secret, label: string): SecretBytes {
  return new SecretBytes(hkdf(master, toUtf8(label)));
}
