/**
 * A message's body (Appendix A): `message_key = HKDF(conversation_key, nonce, 32)`, then ChaCha20-Poly1305 under that
 * key and the same nonce. The conversation key comes from a sender key's chain and serves one message; the fresh
 * random nonce is a second lock, for a chain that a restored backup repeats. The additional data (profile §5) is what
 * ties a body to its channel, author and place: never leave it empty.
 */
import { AEAD_NONCE_BYTES, open, seal } from './aead.js';
import { CryptoError, requireLength } from './crypto-error.js';
import { messageKey } from './key-schedule.js';
import { randomBytes } from './random.js';
import { revealed, type Secret, type SecretBytes } from './secret-bytes.js';

/** Ciphertext with its tag, under a fresh nonce of 12 bytes. Throws `invalid_length` for a key that has not 32 bytes. */
export function sealMessage(
  conversationKey: Secret,
  plaintext: Uint8Array,
  additionalData: Uint8Array,
): { nonce: Uint8Array; ciphertext: Uint8Array } {
  const nonce = randomBytes(AEAD_NONCE_BYTES);
  const key = checkedMessageKey(conversationKey, nonce);
  const ciphertext = seal(key, nonce, plaintext, additionalData);
  key.wipe();
  return { nonce, ciphertext };
}

/** The plaintext. Throws `decryption_failed` unless key, nonce, ciphertext and additional data are what was sealed. */
export function openMessage(
  conversationKey: Secret,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array {
  // The nonce is a stranger's word: a wrong length is no fault of the caller.
  if (nonce.length !== AEAD_NONCE_BYTES) throw new CryptoError('decryption_failed', 'the nonce has a wrong length');
  const key = checkedMessageKey(conversationKey, nonce);
  try {
    return open(key, nonce, ciphertext, additionalData);
  } finally {
    key.wipe();
  }
}

function checkedMessageKey(conversationKey: Secret, nonce: Uint8Array): SecretBytes {
  requireLength(revealed(conversationKey), 32, 'a conversation key');
  return messageKey(conversationKey, nonce);
}
