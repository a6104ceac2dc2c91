import { randomBytes, signDigest, toBase32 } from '@dcp/crypto';
import { checkMessageSize, messageSigningInput, type SignedMessage } from '@dcp/protocol';
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

/**
 * The author-signed form of §6.1 for a `node` channel. Throws MESSAGE_TOO_LARGE before anything is sent. `id` is given when a
 * message is signed again under a new time.
 */
export function composeMessage(
  device: Device,
  channelId: string,
  draft: Draft,
  client: string,
  now: Date = new Date(),
  id: string = newMessageId(),
): SignedMessage {
  const { text, format = 'plain', mentions = [], replyTo = null } = draft;
  const unsigned = {
    id,
    type: 'text' as const,
    timestamp: now.toISOString(),
    author: device.userId,
    device: device.id,
    channel_id: channelId,
    content: { text, format, mentions, reply_to: replyTo },
    encryption: { algorithm: 'none' as const, key_id: 'node', nonce: '' as const },
    metadata: { client, edited: false, reply_to: replyTo },
  };
  const message = { ...unsigned, signature: signDigest(device.seed, messageSigningInput(unsigned)) };
  checkMessageSize(message);
  return message;
}
