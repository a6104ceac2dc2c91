import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { brotliDecompressSync } from 'node:zlib';
import { base32, u32 } from './encodings.js';
import { type Dict, jcs } from './json.js';

const TAG = 16;
/** Sizes of a padded plaintext: all that an onlooker learns of a message's length. */
export const SIZES = [256, 1_024, 4_096, 16_384, 45_056] as const;
const MOST_CONTENT = 65_536;

/** One step of a sender key: the key of message n, and the chain of n + 1. */
export function chainStep(chain: Buffer): { conversationKey: Buffer; next: Buffer } {
  const hmac = (byte: number) =>
    createHmac('sha256', chain)
      .update(Buffer.from([byte]))
      .digest();
  return { conversationKey: hmac(1), next: hmac(2) };
}

/** The key of message `n` of a chain whose message `from` is next. */
export function conversationKeyAt(chain: Buffer, from: number, n: number): Buffer {
  let step = chainStep(chain);
  for (let at = from; at < n; at++) step = chainStep(step.next);
  return step.conversationKey;
}

/** HKDF-SHA-256 with an empty salt: what is named second in the protocol is the info. */
export function hkdf(
  key: Uint8Array,
  info: Uint8Array | string,
  length = 32,
  salt: Uint8Array = Buffer.alloc(0),
): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, length));
}

/** Appendix A: ChaCha20-Poly1305, the tag at the end. */
export function seal(key: Buffer, nonce: Buffer, plaintext: Buffer, aad: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when one bit of key, nonce, bytes or additional data is another. */
export function open(key: Buffer, nonce: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG });
  decipher.setAAD(aad, { plaintextLength: sealed.length - TAG });
  decipher.setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([decipher.update(sealed.subarray(0, -TAG)), decipher.final()]);
}

/** Appendix A: message_key = HKDF(conversation_key, nonce, 32). */
export function messageKey(conversationKey: Buffer, nonce: Buffer): Buffer {
  return hkdf(conversationKey, nonce);
}

/** codec 00 ‖ length u32 ‖ data ‖ zeros. */
export function pad(data: Buffer): Buffer {
  const length = 5 + data.length;
  const size = SIZES.find((one) => one >= length);
  if (size === undefined) throw new Error('larger than the largest size');
  return Buffer.concat([Buffer.from([0]), u32(data.length), data, Buffer.alloc(size - length)]);
}

export function unpad(padded: Buffer): Buffer {
  if (!SIZES.some((size) => size === padded.length)) throw new Error('no size of the protocol');
  const end = 5 + padded.readUInt32BE(1);
  if (end > padded.length || padded.subarray(end).some((byte) => byte !== 0)) throw new Error('not padded with zeros');
  const data = padded.subarray(5, end);
  if (padded[0] === 0) return data;
  if (padded[0] !== 1) throw new Error('unknown codec');
  return brotliDecompressSync(data, { maxOutputLength: MOST_CONTENT });
}

/** What the tag of a message's ciphertext also covers. */
export function messageAad(message: Dict): Buffer {
  const { channel_id, id, type, timestamp, author, device } = message;
  const { algorithm, key_id, epoch, n } = message['encryption'] as Dict;
  return Buffer.from(jcs({ channel_id, id, type, timestamp, author, device, key_id, epoch, n, algorithm }));
}

/** The twelve bytes by which a message shows which device log of a user its author knows; `head`: `sha256:` and hex. */
export function headOf(userId: string, head: string): Buffer {
  const user = createHash('sha256').update(userId).digest().subarray(0, 4);
  return Buffer.concat([user, Buffer.from(head.replace(/^sha256:/, ''), 'hex').subarray(0, 8)]);
}

/** A sender key as its owner keeps it; `chain` is the one of message 0. */
export class SenderKey {
  #chain: Buffer;
  #n = 0;

  constructor(
    readonly keyId: string,
    readonly chain: Buffer,
  ) {
    this.#chain = chain;
  }

  next(): { n: number; conversationKey: Buffer } {
    const { conversationKey, next } = chainStep(this.#chain);
    this.#chain = next;
    return { n: this.#n++, conversationKey };
  }
}

/** `sk_` and 16 random bytes; 32 random bytes. */
export function newSenderKey(): SenderKey {
  return new SenderKey(`sk_${base32(randomBytes(16))}`, randomBytes(32));
}

/** Puts content and encryption into a message that has everything else but its signature. */
export function sealInto(
  message: Dict,
  key: SenderKey,
  epoch: number,
  content: Dict,
  heads: Buffer[],
  state?: string,
): Dict {
  const { n, conversationKey } = key.next();
  const nonce = randomBytes(12);
  const named = { algorithm: 'chacha20-poly1305', key_id: key.keyId, nonce: nonce.toString('base64') };
  const known = state === undefined ? {} : { state };
  const encryption = { ...named, device: message['device'], epoch, n, ...known };
  const plain = pad(Buffer.from(jcs({ ...content, heads: Buffer.concat(heads).toString('base64') })));
  const sealed = seal(messageKey(conversationKey, nonce), nonce, plain, messageAad({ ...message, encryption }));
  return { ...message, content: { ciphertext: sealed.toString('base64') }, encryption };
}

/** What a member reads who was handed the chain at message `from`. */
export function openFrom(message: Dict, chain: Buffer, from = 0): Dict {
  const { nonce: text, n } = message['encryption'] as { nonce: string; n: number };
  const nonce = Buffer.from(text, 'base64');
  const sealed = Buffer.from((message['content'] as { ciphertext: string }).ciphertext, 'base64');
  const plain = open(messageKey(conversationKeyAt(chain, from, n), nonce), nonce, sealed, messageAad(message));
  return JSON.parse(unpad(plain).toString()) as Dict;
}
