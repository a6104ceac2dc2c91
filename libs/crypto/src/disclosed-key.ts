/**
 * The key of one message, given to somebody who was not among its readers (§10.3: evidence for a moderator). A chain leads
 * forward only and each message has its own key (sender-key-chain.ts): whoever is given the conversation key of message n
 * opens that message and no other. Never disclose a `SenderKeyStart`: it opens everything from its message on.
 *
 * What it proves, together with the author's signature over the ciphertext: for whoever has not made the ciphertext
 * himself, finding another key that opens it takes about 2^128 tries (the tag's one-time pad is pseudo-random under each
 * key). ChaCha20-Poly1305 does not bind a key against the one who *encrypts*: an author can make a ciphertext that opens
 * under two keys. Both contents are his then.
 */
import { unpackContent } from './message-padding.js';
import { openMessage } from './message-seal.js';
import { type Secret, wipe } from './secret-bytes.js';
import { chainStep } from './sender-key-chain.js';
import { advanceStart, type SenderKeyStart } from './sender-key.js';

/** A message's body as it is stored, decoded. */
export interface SealedBody {
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  /** With its tag. */
  readonly ciphertext: Uint8Array;
  /** As the author bound it (profile §5). */
  readonly additionalData: Uint8Array;
}

/**
 * The conversation key of message `n`, 32 bytes; `start` stays as it is and no live state is touched. The caller wipes it. Throws
 * `malformed` for a message before the start or beyond a chain's last.
 */
export function discloseMessageKey(start: SenderKeyStart, n: number): Uint8Array {
  const { chainKey } = advanceStart(start, n);
  const step = chainStep(chainKey);
  wipe(chainKey);
  wipe(step.chainKey);
  return step.key;
}

/**
 * The content that was sealed: authenticated, without its padding, decompressed (at most 65,536 bytes). Throws `decryption_failed`
 * unless the key opens exactly this body, `malformed` for what `packContent` does not make, `invalid_length` for a key
 * that has not 32 bytes.
 */
export function openDisclosed(conversationKey: Secret, { nonce, ciphertext, additionalData }: SealedBody): Uint8Array {
  return unpackContent(openMessage(conversationKey, nonce, ciphertext, additionalData));
}
