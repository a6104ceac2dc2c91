import type {
  ClaimedKeys,
  DeviceReference,
  KeyMessage,
  MovedTo,
  OrderStatement,
  RoutedMessage,
  SentKeys,
  TrustEntry,
  TrustHead,
} from '@dcp/protocol';
import type { DeviceLog, Profile } from './auth.js';
import type * as C from './channel.js';
import { rpc } from './define.js';
import type { PeerCall } from './federation.js';
import type { TrustUpdate } from './trust.js';

/**
 * What other nodes may ask, each kind answered by the service that owns it. The federation service has checked who asks, and whether a
 * node of its trust level may; whether a *user* of it may is the answering service's to decide. Bodies come from strangers: they are
 * checked like any other input.
 */
export const PEER = {
  /** A user of this node, as others may see him. */
  user_lookup: rpc<PeerCall<{ user_id: string }>, Profile>('peer.user-lookup', 'auth', 'federation'),
  /** Whether a user of this node takes DMs from others (§4.2). Who has moved takes none: `moved_to` says where. */
  direct_messages: rpc<PeerCall<{ user_id: string }>, { allow: boolean; moved_to?: MovedTo }>(
    'peer.direct-messages',
    'auth',
    'federation',
  ),
  /** Device logs of users of this node. */
  device_logs: rpc<PeerCall<{ users: { user_id: string; after?: number | undefined }[] }>, { logs: DeviceLog[] }>(
    'peer.device-logs',
    'auth',
    'federation',
  ),
  /** A device log of the asking node has grown, or its user has moved. */
  devices_changed: rpc<PeerCall<{ user_id: string; seq: number; hash: string }>, object>(
    'peer.devices-changed',
    'auth',
    'federation',
  ),
  /** Prekeys of devices of this node; `user_id` is the asking node's user. */
  claim_keys: rpc<PeerCall<{ user_id: string; devices: DeviceReference[] }>, ClaimedKeys>(
    'peer.claim-keys',
    'keys',
    'federation',
  ),
  /** Into the queues of devices of this node. */
  send_keys: rpc<PeerCall<{ user_id: string; device: string; messages: KeyMessage[] }>, SentKeys>(
    'peer.send-keys',
    'keys',
    'federation',
  ),

  /** §10.2: for all devices of a user of this node. */
  route_message: rpc<PeerCall<RoutedMessage>, object>('peer.route-message', 'keys', 'federation'),

  /** A channel whose home is here, by `#name` or id, as far as this user of the asking node may know of it. */
  channel_info: rpc<PeerCall<{ channel: string; user_id: string }>, C.HomedChannel>(
    'peer.channel-info',
    'channel',
    'federation',
  ),
  /** The state chain, as `CHANNEL.state` gives it to local users. */
  channel_state: rpc<PeerCall<C.StateRequest>, C.StatePage>('peer.channel-state', 'channel', 'federation'),
  /** A change of state by a user of the asking node: signed in mode `e2ee`, by word of his node in mode `node`. */
  channel_change: rpc<PeerCall<C.PeerChange>, C.StateChange>('peer.channel-change', 'channel', 'federation'),
  /** Posts of users of the asking node to channels whose home is here, each signed by its author. */
  channel_post: rpc<PeerCall<{ posts: C.PeerPost[] }>, C.PostBatchAnswer>('peer.channel-post', 'channel', 'federation'),
  /** History from before the asking node's replica begins. */
  channel_history: rpc<PeerCall<C.HistoryRequest>, C.HistoryPage>('peer.channel-history', 'channel', 'federation'),
  /** The home of a channel, of an invitation to a user of the asked node. Safe to repeat. */
  channel_notice: rpc<PeerCall<C.ChannelNotice>, object>('peer.channel-notice', 'channel', 'federation'),
  /**
   * The home of a channel moves. FEDERATION_ERROR `handover_conflict` where another hand-over of this epoch was taken before; CONFLICT
   * `behind` (with `last_seq`) where the node that shall be the home has not everything yet, `name_taken` where it has such a channel.
   */
  channel_handover: rpc<PeerCall<C.PeerHandover>, C.PeerHandoverAnswer>(
    'peer.channel-handover',
    'channel',
    'federation',
  ),
  /** What this node has of a channel of another, for nodes with a member in it: its home may be lost. */
  channel_survey: rpc<PeerCall<{ channel_id: string }>, C.ReplicaState>('peer.channel-survey', 'channel', 'federation'),
  /** What a channel's home has ordered, for the replica here; the home's signature over the order was checked. */
  entries: rpc<PeerCall<C.EntryBatch & { order: OrderStatement }>, { last_seq: number }>(
    'peer.entries',
    'channel',
    'federation',
  ),

  /** This node's trust log, signed as it is now (profile §6). */
  trust_head: rpc<PeerCall<object>, { head: TrustHead }>('peer.trust-head', 'trust-chain', 'federation'),
  /** Entries `after < seq <= up_to`, as many as fit; `proof` leads from the tree that ends with them to the one of `up_to` (RFC 9162 §2.1.4). */
  trust_entries: rpc<PeerCall<{ after: number; up_to: number }>, { entries: TrustEntry[]; proof: string[] }>(
    'peer.trust-entries',
    'trust-chain',
    'federation',
  ),
  /** The asking node's trust log has grown, or the frame of §10.2. */
  trust_update: rpc<PeerCall<TrustUpdate>, object>('peer.trust-update', 'trust-chain', 'federation'),
} as const;

export type PeerKind = keyof typeof PEER;
export const PEER_KINDS = Object.keys(PEER) as PeerKind[];
