import { randomBytes, toBase32 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { checkMessageSize, type SystemContent } from '@dcp/protocol';
import { type NewEntry, newEntry } from '../log/new-entry.js';
import type { NodeKey } from './node-key.js';

/** Stands in `metadata.client` of what the node wrote. */
const CLIENT = 'dcp-node/0.1.0';

export interface MessageDraft {
  type: string;
  author: string;
  channelId: string;
  content: Record<string, unknown>;
  replyTo: string | null;
}

/**
 * Completes messages on behalf of their authors, in channels of mode `node` (profile §4): id, time and the node's own signature,
 * which `metadata.signed_by` declares, so that nobody takes it for the author's.
 */
export class NodeMessages {
  constructor(
    private readonly key: NodeKey,
    private readonly clock: Clock,
  ) {}

  /** Throws 2001 when the completed message is too large. */
  complete({ type, author, channelId, content, replyTo }: MessageDraft): NewEntry {
    const message = {
      id: newMessageId(),
      type,
      timestamp: new Date(this.clock.now()).toISOString(),
      author,
      channel_id: channelId,
      // the reference stands in both places.
      content: replyTo === null ? content : { ...content, reply_to: replyTo },
      encryption: { algorithm: 'none', key_id: 'node', nonce: '' },
      metadata: { client: CLIENT, edited: false, reply_to: replyTo, signed_by: 'node' },
    };
    const signed = { ...message, signature: this.key.signMessage(message) };
    return newEntry(signed, checkMessageSize(signed));
  }

  /** The entry of a change of state (§6.2, type `system`). */
  system(channelId: string, content: SystemContent): NewEntry {
    return this.complete({ type: 'system', author: content.actor, channelId, content, replyTo: null });
  }
}

/** `msg_` and 16 of `[a-z2-7]`: 80 random bits. */
function newMessageId(): string {
  return `msg_${toBase32(randomBytes(10))}`;
}
