import type { ErrorBody } from './errors.js';
import type { Presence } from './commands.js';
import type { KeyStock } from './keys.js';
import type { Message } from './messages.js';
import type { MovedTo } from './move.js';

/** What a node says on a socket (§7.2 and profile §4). `channel` is the viewer's name, `channel_id` the lasting identity. */
export interface DeliveredMessage extends Message {
  channel: string;
  channel_id: string;
  /** What the node added; not signed. `seq` is gapless in the channel. */
  node: { seq: number; received_at: string };
}

export type ServerEvent =
  | { event: 'message'; data: { message: DeliveredMessage; channel: string; channel_id: string; seq: number } }
  | { event: 'channel_update'; data: ChannelUpdate }
  | { event: 'user_status'; data: UserStatus }
  | { event: 'typing'; data: { user_id: string; channel: string; channel_id: string; typing: boolean } }
  /** An entry that this viewer is not shown (its author is blocked, or it was wiped): keeps `seq` gapless. */
  | { event: 'message_hidden'; data: { channel: string; channel_id: string; seq: number } }
  /** More was missed than `resume` replays: fetch the rest with `get_history` from `after`. */
  | { event: 'resume_gap'; data: { channel: string; channel_id: string; after: number; head: number } }
  /** The user joined or left a channel, here or on another of his devices. */
  | { event: 'membership'; data: { channel: string; channel_id: string; change: 'joined' | 'left' } }
  /** The user was invited to a channel, or no longer is. */
  | { event: 'invitation'; data: InvitationEvent }
  /** A message that waited for another node came to nothing: its home has refused it, or it waited too long. An ordered one comes as its entry. */
  | { event: 'message_status'; data: MessageStatus }
  /** Something lies in this device's queue: fetch it with `fetch_keys`. `head` is its last number. */
  | { event: 'device_queue'; data: { head: number } }
  /** This device's stock of one-time prekeys runs low: publish more. */
  | { event: 'keys_low'; data: KeyStock }
  /** The device log of somebody whom this socket's channels hold has grown: read it before the next message. */
  | { event: 'devices_changed'; data: { user_id: string; seq: number; hash: string } }
  /** Somebody of this socket's channels has moved to another node; the record is for its receiver to check. */
  | { event: 'user_moved'; data: { user_id: string; moved_to: MovedTo } }
  | { event: 'session'; data: { reason: 'refresh_required' | 'revoked' | 'expired'; session_id?: string } }
  | { event: 'ack'; id?: string; data: Record<string, unknown> }
  | { event: 'error'; id?: string; error: ErrorBody };

export interface ChannelUpdate {
  channel: string;
  channel_id: string;
  seq: number;
  action:
    | 'member_joined'
    | 'member_left'
    | 'settings_changed'
    | 'channel_created'
    | 'member_invited'
    | 'member_removed'
    | 'member_banned'
    | 'state_changed';
  details: Record<string, unknown>;
}

export interface InvitationEvent {
  /** The channel's `#name`. */
  channel: string;
  channel_id: string;
  by: string;
  change: 'invited' | 'revoked';
}

export interface MessageStatus {
  channel: string;
  channel_id: string;
  message_id: string;
  state: 'refused';
  /** As in §14.1, without time and request. */
  error: Pick<ErrorBody, 'code' | 'message' | 'details'>;
}

export interface UserStatus {
  user_id: string;
  status: Presence;
  last_seen: string;
  message?: string;
}

/** The answer to a post: `ordered` means durable and numbered (profile §4). */
export interface PostAck {
  message_id: string;
  seq: number;
  timestamp: string;
  state: 'ordered' | 'queued';
}

/** The wire version (§7.1) and the extra subprotocol values that a client may offer beside it. */
export const SUBPROTOCOL = 'dcp-v1';
export const BEARER_SUBPROTOCOL_PREFIX = 'dcp.bearer.';
/** Offered by clients that choose their channels by `subscribe` and `resume`; without it a socket hears all the user's channels. */
export const MANUAL_SUBSCRIPTION_SUBPROTOCOL = 'dcp.manual';

/** Close codes of RFC 6455 as the gateway uses them, and what each tells a client to do. */
export const CLOSE = {
  /** The node stops or restarts: connect again after backoff. */
  RESTART: 1012,
  /** The client read too slowly: connect again and resume. */
  TOO_SLOW: 1013,
  /** A frame above the size cap. */
  TOO_BIG: 1009,
  /** Binary frames, or no login within the time allowed. */
  POLICY: 1008,
  /** The session was revoked or is over: log in again. */
  SESSION_OVER: 4001,
} as const;
