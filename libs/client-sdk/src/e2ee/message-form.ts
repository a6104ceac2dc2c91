import {
  CryptoError,
  fromBase64,
  fromUtf8,
  openMessage,
  packContent,
  sealMessage,
  toBase64,
  toUtf8,
  unpackContent,
} from '@dcp/crypto';
import { canonicalJson, sealedContent, parseJson } from '@dcp/protocol';
import { DecryptError } from './decrypt-fault.js';

/** The members of an encrypted message that its ciphertext is bound to (profile §5). */
export interface SealedFrame {
  channel_id: string;
  id: string;
  type: string;
  timestamp: string;
  author: string;
  device: string;
  key_id: string;
  epoch: number;
  n: number;
}

export type EncryptionOf = {
  algorithm: 'chacha20-poly1305';
  key_id: string;
  nonce: string;
  device: string;
  epoch: number;
  n: number;
};

/** AAD = JCS of the frame and the algorithm: a ciphertext cannot be moved to another message, place or channel. */
export function additionalData(frame: SealedFrame): Uint8Array {
  return toUtf8(canonicalJson({ ...frame, algorithm: 'chacha20-poly1305' }));
}

/** Pads, compresses where it saves a bucket, encrypts. `heads`: see device-heads.ts. Throws CryptoError `too_large`. */
export function sealContent(
  conversationKey: Uint8Array,
  frame: SealedFrame,
  content: object,
  heads: Uint8Array,
): { encryption: EncryptionOf; content: { ciphertext: string } } {
  const plaintext = packContent(toUtf8(canonicalJson({ ...content, heads: toBase64(heads) })));
  const { nonce, ciphertext } = sealMessage(conversationKey, plaintext, additionalData(frame));
  const { key_id, device, epoch, n } = frame;
  return {
    encryption: { algorithm: 'chacha20-poly1305', key_id, nonce: toBase64(nonce), device, epoch, n },
    content: { ciphertext: toBase64(ciphertext) },
  };
}

export interface OpenContent {
  content: Record<string, unknown>;
  heads: Uint8Array;
}

/** The other way. Throws DecryptError `tampered` or `malformed`. */
export function openContent(
  conversationKey: Uint8Array,
  frame: SealedFrame,
  nonce: string,
  content: Record<string, unknown>,
): OpenContent {
  const parsed = sealedContent.safeParse(content);
  if (!parsed.success) throw new DecryptError('malformed');
  const padded = decrypt(conversationKey, frame, nonce, parsed.data.ciphertext);
  try {
    const { heads = '', ...opened } = parseJson(fromUtf8(unpackContent(padded))) as Record<string, unknown>;
    return { content: opened, heads: fromBase64(String(heads)) };
  } catch {
    throw new DecryptError('malformed');
  }
}

function decrypt(key: Uint8Array, frame: SealedFrame, nonce: string, ciphertext: string): Uint8Array {
  try {
    return openMessage(key, fromBase64(nonce), fromBase64(ciphertext), additionalData(frame));
  } catch (error) {
    if (error instanceof CryptoError && error.code === 'decryption_failed') throw new DecryptError('tampered');
    throw new DecryptError('malformed');
  }
}
