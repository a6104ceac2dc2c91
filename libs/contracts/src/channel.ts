import type { DcpError, EncryptionMode, ErrorCode, ErrorDetails, Genesis, PostAck } from '@dcp/protocol';
import type { Session } from './auth.js';

/** Posts of one loop turn for one partition; nothing larger goes over the bus. */
export const MAX_BATCH_POSTS = 512;
export const MAX_BATCH_BYTES = 256 * 1024;
/** `partition = hash(channel_id) mod 64`: batches of different partitions may overtake each other, channels never do. */
export const PARTITIONS = 64;

/** FNV-1a over the channel id: any spread will do, but every gateway must agree. */
export function partitionOf(channelId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < channelId.length; i++) hash = Math.imul(hash ^ channelId.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PARTITIONS;
}

/** One post. `message` is what the client sent in `data`: the full signed form of §6.1 or the plain form of §7.3, not yet checked. */
export interface Post {
  channel_id: string;
  session: Session;
  message: Record<string, unknown>;
}

export interface PostBatch {
  posts: Post[];
}

/** A failure on its way back inside a batch. */
export interface Refusal {
  code: ErrorCode;
  message: string;
  details: ErrorDetails;
}

export type PostResult = { ok: PostAck } | { error: Refusal };

/** One result for each post of the batch, in the same order. */
export interface PostBatchAnswer {
  results: PostResult[];
}

/** An entry of a channel's log as it was stored. */
export interface Entry {
  seq: number;
  id: string;
  type: string;
  author: string;
  received_at: string;
  /** JCS text of the message without `channel` and `node`; empty when the entry was wiped. */
  body: string;
}

export interface EntryBatch {
  channel_id: string;
  /** The channel's name on its home node, `#general`. */
  name: string;
  /** Consecutive `seq`, ascending. */
  entries: Entry[];
}

export interface ChannelInfo {
  channel_id: string;
  name: string;
  title: string;
  description: string;
  encryption: EncryptionMode;
  member_count: number;
  last_activity: string;
  last_seq: number;
}

export interface Membership {
  channel_id: string;
  name: string;
  role: 'owner' | 'member';
  last_seq: number;
}

export interface CreateRequest {
  session: Session;
  /** `#name`, already parsed. */
  name: string;
  encryption?: EncryptionMode | undefined;
  title?: string | undefined;
  description?: string | undefined;
  genesis?: Genesis | undefined;
  signature?: string | undefined;
}

/** The answer to a command that changed a channel's state; `seq` is that of its system message. */
export interface StateChange {
  channel_id: string;
  name: string;
  seq: number;
  /** False when nothing had to change (joining a channel one is in). */
  changed: boolean;
}

export interface HistoryRequest {
  channel_id: string;
  user_id: string;
  /** Entries before this message, newest page first; or after this `seq`, oldest first. */
  before?: string | undefined;
  after?: number | undefined;
  limit: number;
}

export interface HistoryPage {
  name: string;
  /** Ascending `seq`. */
  entries: Entry[];
  /** More in the direction of reading. */
  has_more: boolean;
}

/** Catch-up for a gateway: entries `after < seq`, at most `limit`; membership of `user_id` is checked when given. */
export interface RangeRequest {
  channel_id: string;
  after: number;
  limit: number;
  user_id?: string | undefined;
}

export interface MembershipChanged {
  user_id: string;
  channel_id: string;
  name: string;
  change: 'joined' | 'left';
}

/** For a `Refusal` from any DcpError. */
export function refusalOf(error: DcpError): Refusal {
  return { code: error.code, message: error.message, details: error.details };
}
