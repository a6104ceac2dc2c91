import { randomBytes, signDigest, toBase32 } from '@dcp/crypto';
import { checkMessageSize, messageSigningInput, type SignedMessage } from '@dcp/protocol';
import type { OutgoingMessage } from '../outbox/outbox.js';
import type { Device } from '../session/device.js';

/** What a user writes. */
export interface Draft {
  text: string;
  format?: 'plain' | 'markdown';
  mentions?: string[];
  replyTo?: string | null;
}

/** `msg_` and 16 random characters: the author makes it, so that sending again is safe. */
export function newMessageId(): string {
  return `msg_${toBase32(randomBytes(10))}`;
}

/** A draft as a message of its author, neither signed nor encrypted yet. */
export function writeMessage(device: Device, channelId: string, draft: Draft, now: Date = new Date()): OutgoingMessage {
  const { text, format = 'plain', mentions = [], replyTo = null } = draft;
  return {
    id: newMessageId(),
    type: 'text',
    author: device.userId,
    device: device.id,
    channel_id: channelId,
    timestamp: now.toISOString(),
    content: { text, format, mentions, reply_to: replyTo },
  };
}

/**
 * The author-signed form of §6.1 for a `node` channel. Throws MESSAGE_TOO_LARGE before anything is sent.
 */
export function signPlain(device: Device, written: OutgoingMessage, client: string): SignedMessage {
  const unsigned = {
    ...written,
    encryption: { algorithm: 'none' as const, key_id: 'node', nonce: '' as const },
    metadata: { client, edited: false, reply_to: (written.content['reply_to'] ?? null) as string | null },
  };
  const message = { ...unsigned, signature: signDigest(device.seed, messageSigningInput(unsigned)) };
  checkMessageSize(message);
  return message;
}

/** `writeMessage` and `signPlain` in one. */
export function composeMessage(
  device: Device,
  channelId: string,
  draft: Draft,
  client: string,
  now: Date = new Date(),
): SignedMessage {
  return signPlain(device, writeMessage(device, channelId, draft, now), client);
}
