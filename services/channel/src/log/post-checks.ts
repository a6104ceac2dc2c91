import { fromBase64, parseKey, verifySigned } from '@dcp/crypto';
import type { Session } from '@dcp/contracts';
import {
  checkValues,
  CONTENT_BY_TYPE,
  DcpError,
  type EncryptionMode,
  invalidFormat,
  MAX_CLOCK_SKEW_MS,
  MESSAGE_REFERENCE,
  messageSigningInput,
  parseWith,
  replyTo,
  sealedContent,
  type SignedMessage,
  signedMessageSchema,
  type StateEntry,
} from '@dcp/protocol';
import type { z } from 'zod';

/** Pure rules of a post that its author signed (§6.4, profile §4). Each throws what is wrong and says nothing otherwise. */

const NONCE_BYTES = 12;

/** §6.1, §6.2: the base structure, and in channels that the node may read the content of its type. */
export function parseSigned(message: Record<string, unknown>, channelId: string, mode: EncryptionMode): SignedMessage {
  const parsed = parseWith(signedMessageSchema, message);
  if (parsed.channel === undefined && parsed.channel_id === undefined) throw invalidFormat('missing', 'channel');
  if (parsed.channel_id !== undefined && parsed.channel_id !== channelId) {
    throw invalidFormat('not the channel that this was sent to', 'channel_id');
  }
  if (mode === 'node') checkContent(parsed.type, parsed.content);
  else checkSealed(parsed);
  return parsed;
}

/** Profile §5: what the node carries of a message that it may not read. Returns the key epoch. */
export function checkSealed({ encryption, device, content }: SignedMessage): number {
  const { algorithm, epoch, n } = encryption;
  if (algorithm === 'none') throw invalidFormat('encryption_required', 'encryption.algorithm');
  if (device === undefined) throw invalidFormat('required', 'device');
  if (encryption.device !== device) throw invalidFormat('not the device of the message', 'encryption.device');
  if (epoch === undefined) throw invalidFormat('required', 'encryption.epoch');
  if (n === undefined) throw invalidFormat('required', 'encryption.n');
  const { ciphertext } = parseContent(sealedContent, content);
  if (!isBase64(ciphertext)) throw invalidFormat('not base64', 'content.ciphertext');
  return epoch;
}

function isBase64(text: string): boolean {
  try {
    return fromBase64(text).length > 0;
  } catch {
    return false;
  }
}

export function checkContent(type: keyof typeof CONTENT_BY_TYPE, content: Record<string, unknown>): void {
  parseContent<unknown>(CONTENT_BY_TYPE[type], content);
}

function parseContent<T>(schema: z.ZodType<T>, content: Record<string, unknown>): T {
  try {
    return parseWith(schema, content);
  } catch (error) {
    throw error instanceof DcpError ? invalidFormat(String(error.details['reason']), inContent(error)) : error;
  }
}

function inContent(error: DcpError): string {
  const path = String(error.details['path']);
  return path === '' ? 'content' : `content.${path}`;
}

/** DCP-6.1-04: who posts is who logged in, from the device that logged in. */
export function checkAuthor(message: SignedMessage | StateEntry, session: Session): void {
  if (message.author !== session.user_id) throw denied('foreign_author');
  if ((message.device ?? null) !== session.device) throw denied('foreign_device');
}

/** Profile §6: what waited at its author's node for a home that was away. */
const MAX_RELAYED_AGE_MS = 7 * 86_400_000;

/** §6.4: five minutes either way; what another node relays may be a week old. `now` in milliseconds. */
export function checkClock(timestamp: string, now: number, relayed = false): void {
  const age = now - Date.parse(timestamp);
  if (age >= -MAX_CLOCK_SKEW_MS && age <= (relayed ? MAX_RELAYED_AGE_MS : MAX_CLOCK_SKEW_MS)) return;
  throw new DcpError('INVALID_MESSAGE_FORMAT', {
    reason: 'clock_skew',
    path: 'timestamp',
    server_time: new Date(now).toISOString(),
  });
}

/** DCP-6.1-06: twelve bytes of nonce for ChaCha20-Poly1305, none for plain content. */
export function checkEncryption({ algorithm, nonce }: SignedMessage['encryption']): void {
  const good = algorithm === 'none' ? nonce === '' : nonceLength(nonce) === NONCE_BYTES;
  if (!good) throw invalidFormat(algorithm === 'none' ? 'not empty' : 'not 12 bytes of base64', 'encryption.nonce');
}

function nonceLength(nonce: string): number {
  try {
    return fromBase64(nonce).length;
  } catch {
    return -1;
  }
}

/** where both places name a message they agree. Returns the reference or null. */
export function checkReply(message: Parameters<typeof replyTo>[0]): string | null {
  const reference = replyTo(message);
  if (reference !== null && !MESSAGE_REFERENCE.test(reference)) throw invalidFormat('not a message id', 'reply_to');
  return reference;
}

/** U+0000 has no place in a text (profile §1). `body` is the JCS text that holds `value`. */
export function checkText(value: unknown, body: string): void {
  if (body.includes('\\u0000')) checkValues(value, 0);
}

/** DCP-6.4-01, over the stored form: `key` is the `ed25519:` key that the session proved. */
export function checkSignature(stored: Record<string, unknown>, signature: string, key: string): void {
  const signed = stored as Record<string, unknown> & { channel_id: string };
  if (verifySigned(parseKey(key).bytes, messageSigningInput(signed, 'MESSAGE'), signature)) return;
  throw invalidFormat('signature', 'signature');
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
