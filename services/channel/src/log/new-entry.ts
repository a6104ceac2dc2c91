import { sha256 } from '@dcp/crypto';
import { canonicalJson } from '@dcp/protocol';

/** An entry that waits for its number. */
export interface NewEntry {
  id: string;
  type: string;
  author: string;
  device: string | null;
  /** As its author wrote it. */
  timestamp: string;
  /** The stored form: JCS of the message without `channel` and `node`. */
  body: string;
  /** SHA-256 of `body`: tells a repetition from another message with the same id. */
  digest: Buffer;
  /**
   * What the next state entry of an `e2ee` channel names as `prev_state`: the `sha256:` hash of the bytes that the author signed
   * (`messageSigningInput`, TYPE MESSAGE), which every client can compute from the entry. Entries that the node signs have none;
   * the head of a `node` channel is the hash of the stored form.
   */
  stateHash?: string;
}

/** The members of a message that the log has columns for. */
export interface StoredMessage extends Record<string, unknown> {
  id: string;
  type: string;
  timestamp: string;
  author: string;
  device?: string | undefined;
}

/** The entry of a message in its stored form; `body` is its JCS text where the caller has that already. */
export function newEntry(message: StoredMessage, body: string = canonicalJson(message)): NewEntry {
  const { id, type, timestamp, author, device = null } = message;
  return { id, type, author, device, timestamp, body, digest: digestOf(body) };
}

export function digestOf(body: string): Buffer {
  const digest = sha256(Buffer.from(body));
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength);
}

/** A message as it is stored: the viewer's `channel` and the node's additions are no part of it, `channel_id` always is. */
export function storedForm(message: Record<string, unknown>, channelId: string): Record<string, unknown> {
  const { channel: _channel, node: _node, ...rest } = message;
  return { ...rest, channel_id: channelId };
}
