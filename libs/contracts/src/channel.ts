import type {
  Closing,
  DcpError,
  EncryptionMode,
  ErrorCode,
  ErrorDetails,
  Genesis,
  Handover,
  HandoverRecord,
  Mandate,
  PostAck,
  Visibility,
} from '@dcp/protocol';
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
  visibility: Visibility;
  member_count: number;
  last_activity: string;
  last_seq: number;
}

export interface Membership {
  channel_id: string;
  name: string;
  role: 'owner' | 'member';
  last_seq: number;
  encryption: EncryptionMode;
  visibility: Visibility;
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
  /** Mode `e2ee`: the signed `channel_created`. */
  entry?: Record<string, unknown> | undefined;
}

/** What its owner changes of a channel of mode `node`; an absent member keeps its value. `mandate`: as he signed it. */
export interface UpdateRequest {
  session: Session;
  channel_id: string;
  title?: string | undefined;
  description?: string | undefined;
  mandate?: Mandate | undefined;
}

/** A channel as its home node tells another node of it. */
export interface HomedChannel extends ChannelInfo {
  home_node: string;
  home_epoch: number;
  /** Null for a DM. */
  genesis: Genesis | null;
  genesis_signature: string | null;
  state_head: string | null;
  epoch: number;
  /** The asking user is in it, or invited. */
  standing: 'member' | 'invited' | 'none';
  /** The first entry that there is, where those before went with a home that was lost. */
  first_seq?: number | undefined;
  /** How the home came from the node of the genesis to this one. Absent: it never moved, or the channel is hidden from the asker. */
  handovers?: HandoverRecord[] | undefined;
  /** Of whom its owner trusts in his place; not yet checked, and hidden as the hand-overs are. */
  mandate?: Mandate | undefined;
}

/** Where a channel has its home, and how it came there. */
export interface ChannelHome {
  channel_id: string;
  /** As it is called at this node now. */
  name: string;
  home_node: string;
  /** The epoch of the present home; the next hand-over carries the one after it. */
  home_epoch: number;
  /** `moving`: the home before has given it up and the new one has not taken it yet; what is posted meanwhile waits. */
  state: 'settled' | 'moving';
  handovers: HandoverRecord[];
  /** Whom its owner trusts to move it when its home is lost, as this node has heard of it last. */
  mandate?: Mandate | undefined;
}

/** A signed hand-over of a channel, by its owner or his admins; not yet checked. */
export interface HandOverRequest {
  session: Session;
  channel_id: string;
  handover: Record<string, unknown>;
}

/** What a node has of a channel of another. */
export interface ReplicaState {
  home_node: string;
  home_epoch: number;
  first_seq: number;
  last_seq: number;
  mandate?: Mandate | undefined;
}

/** What the nodes of its members have of a channel, and whether its home still answers: what its owner must know when it is lost. */
export interface HomeSurvey {
  channel_id: string;
  name: string;
  home_node: string;
  home_epoch: number;
  home_answers: boolean;
  /** Those that follow the same home, this one among them; `error` of §14 of those that did not say. */
  nodes: ({ node_id: string; first_seq: number; last_seq: number } | { node_id: string; error: ErrorCode })[];
  /** The newest that any of them knows. */
  mandate?: Mandate | undefined;
}

/**
 * What nodes say to each other about the home of a channel. The last of `handovers` is what it is about, the others are what it follows.
 * - `ask`: the owner's node, to the home;
 * - `probe`: the home, to the node that shall follow: it brings itself up to date and says whether it could;
 * - `take`: the home has given the channel up, and this node is to order it from now on;
 * - `told`: another node has;
 * - `claim`: the node of the owner, or of the admin who speaks for all, to the one that shall follow a lost home.
 */
export interface PeerHandover {
  step: 'ask' | 'probe' | 'take' | 'told' | 'claim';
  channel_id: string;
  /** Of `ask`, `probe` and `claim` the last is not closed, nor is one that follows a lost home. */
  handovers: { handover: Handover; closing?: Closing | undefined }[];
}

/**
 * `last_seq` is the last entry that the answering node has. `refused`, of `take` only: it has not taken the channel and never will by this
 * hand-over. An error does not say that: an earlier answer may have got lost.
 */
export interface PeerHandoverAnswer {
  state: ChannelHome['state'] | 'refused';
  last_seq: number;
  reason?: string | undefined;
}

/** A channel whose home is here, or was, and the nodes that must hear it. */
export interface AudienceChannel {
  channel_id: string;
  last_seq: number;
  /** Of the orders that this node signs: of a home of before, the last that it had. */
  home_epoch: number;
  /** The last entry from before that epoch; 0 in the first. */
  begun: number;
  nodes: AudienceNode[];
}

/** What a user of another node wants of a channel whose home is here. */
export interface PeerChange {
  user_id: string;
  channel_id: string;
  change: 'join' | 'leave' | 'state' | 'open_dm' | 'update';
  /** Mode `e2ee`: the signed entry. */
  entry?: Record<string, unknown> | undefined;
  /** `open_dm`: the user of this node. */
  other?: string | undefined;
  /** `update`, in mode `node`. */
  title?: string | undefined;
  description?: string | undefined;
  mandate?: Mandate | undefined;
}

/** As its author signed it (§6.1). */
export interface PeerPost {
  channel_id: string;
  message: Record<string, unknown>;
}

/** A node that has members in a channel of this one. */
export interface AudienceNode {
  node_id: string;
  /** `seq` of the entry that brought its first present member. */
  since: number;
  /**
   * `seq` of the entry with which its last member went; nothing after it is for the node. Such nodes are named for eight days, so that
   * they learn it.
   */
  until?: number | undefined;
}

/** What a channel's home tells the node of a user who is in no replica yet. */
export interface ChannelNotice {
  channel_id: string;
  /** A user of the asked node. */
  user_id: string;
  change: 'invited' | 'revoked';
  by: string;
  name: string;
  title: string;
  at: string;
}

/** A queued post that came to nothing. */
export interface PostRefused {
  user_id: string;
  channel_id: string;
  name: string;
  message_id: string;
  error: Refusal;
}

/** A change of an `e2ee` channel's state, as its author signed it; not yet checked. */
export interface ChangeStateRequest {
  session: Session;
  channel_id: string;
  entry: Record<string, unknown>;
}

/**
 * A page of the state chain. For members, the invited, everybody where the channel is public, and whoever holds an invite link: `proof`
 * is the link key's signature (TYPE GRANT) over `linkGrant`. Others get CHANNEL_NOT_FOUND.
 */
export interface StateRequest {
  channel_id: string;
  user_id: string;
  after: number;
  link?: { key: string; proof: string } | undefined;
}

export interface StatePage {
  channel_id: string;
  name: string;
  visibility: Visibility;
  /** Null for a DM, which has none. */
  genesis: Genesis | null;
  genesis_signature: string | null;
  /** Only entries of type `system`, ascending. */
  entries: Entry[];
  has_more: boolean;
  /** As the node has it now. */
  state_head: string | null;
  epoch: number;
  last_seq: number;
}

export interface Invitation {
  channel_id: string;
  name: string;
  title: string;
  invited_by: string;
  created: string;
}

export interface InvitationChanged {
  user_id: string;
  channel_id: string;
  name: string;
  by: string;
  change: 'invited' | 'revoked';
}

/** A device log has grown, and the channels in which that matters: `e2ee` ones that the user is in. Sent in chunks. */
export interface MemberDevicesChanged {
  user_id: string;
  seq: number;
  hash: string;
  channels: string[];
}

/** The answer to a command that changed a channel's state; `seq` is that of its system message. */
export interface StateChange {
  channel_id: string;
  name: string;
  seq: number;
  /** False when nothing had to change (joining a channel one is in). */
  changed: boolean;
  encryption: EncryptionMode;
  visibility: Visibility;
  /** Of the state chain and the key epoch, after the change. */
  state_head: string | null;
  epoch: number;
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
