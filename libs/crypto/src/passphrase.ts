/**
 * Passphrases to bytes, as OpaqueString of RFC 8265 §4.2 does: every space of Unicode becomes U+0020, then NFC, then
 * UTF-8. So one passphrase typed on two systems (composed or decomposed accents, Japanese spaces) gives one key. Not
 * NFKC: that would also merge characters that their owner took to be different. Plain ASCII is unchanged, as §4.4's
 * literal form expects.
 */
import { toUtf8 } from './encodings.js';
import { CryptoError } from './crypto-error.js';

/** The bytes a key is derived from; wipe them after use. Throws `invalid_passphrase` if empty or not well-formed. */
export function passphraseBytes(passphrase: string): Uint8Array {
  if (passphrase === '') throw new CryptoError('invalid_passphrase', 'the passphrase is empty');
  try {
    return toUtf8(passphrase.replaceAll(/\p{Zs}/gu, ' ').normalize('NFC'));
  } catch {
    throw new CryptoError('invalid_passphrase', 'the passphrase is not well-formed Unicode');
  }
}
