import {
  CryptoError,
  fromBase64,
  fromUtf8,
  openDisclosed,
  packContent,
  sealMessage,
  toBase64,
  toUtf8,
} from '@dcp/crypto';
import { canonicalJson, readSealedContent, sealedAdditionalData, sealedContent, type SealedFrame } from '@dcp/protocol';
import { DecryptError } from './decrypt-fault.js';

export type EncryptionOf = {
  algorithm: 'chacha20-poly1305';
  key_id: string;
  nonce: string;
  device: string;
  epoch: number;
  n: number;
};

function additionalData(frame: SealedFrame): Uint8Array {
  return toUtf8(sealedAdditionalData(frame));
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
  const text = decrypt(conversationKey, frame, nonce, parsed.data.ciphertext);
  try {
    const { heads, content: opened } = readSealedContent(fromUtf8(text));
    return { content: opened, heads: fromBase64(heads) };
  } catch {
    throw new DecryptError('malformed');
  }
}

function decrypt(key: Uint8Array, frame: SealedFrame, nonce: string, ciphertext: string): Uint8Array {
  try {
    const body = {
      nonce: fromBase64(nonce),
      ciphertext: fromBase64(ciphertext),
      additionalData: additionalData(frame),
    };
    return openDisclosed(key, body);
  } catch (error) {
    if (error instanceof CryptoError && error.code === 'decryption_failed') throw new DecryptError('tampered');
    throw new DecryptError('malformed');
  }
}
