import type {
  BackupPage,
  BackupRecord,
  ClaimedKeys,
  DeviceReference,
  KeyMessage,
  KeyStock,
  MovedTo,
  Prekey,
  QueuePage,
  RoutedMessage,
  SentKeys,
} from '@dcp/protocol';
import * as A from './auth.js';
import * as C from './channel.js';
import * as G from './gateway.js';
import * as K from './keys.js';
import { rpc, topic } from './define.js';

/**
 * All subjects of the house in one place: who answers, who may ask, who speaks, who hears. Bus permissions are generated from
 * this table (`permissions.ts`), so a service that is not named here is refused by the broker.
 */
export const AUTH = {
  node: rpc<object, { document: Record<string, unknown>; info: A.NodeInfo; policy: A.NodePolicy }>(
    'auth.node',
    'auth',
    'gateway',
    'federation',
    'trust-chain',
  ),
  jwks: rpc<object, { keys: A.PublicJwk[] }>('auth.jwks', 'auth', 'gateway'),
  register: rpc<A.RegisterRequest, A.RegisterAnswer>('auth.register', 'auth', 'gateway'),
  challenge: rpc<A.ChallengeRequest, A.ChallengeFrame>('auth.challenge', 'auth', 'gateway'),
  proof: rpc<A.ProofRequest, A.AuthSuccess>('auth.proof', 'auth', 'gateway'),
  refresh: rpc<A.Origin & { session_token: string }, A.AuthSuccess>('auth.refresh', 'auth', 'gateway'),

  sessions: rpc<{ session: A.Session }, { sessions: A.SessionSummary[] }>('auth.sessions.list', 'auth', 'gateway'),
  /** Ends one session of the caller; without `id` all of them. */
  revoke: rpc<{ session: A.Session; id?: string | undefined }, { revoked: number }>(
    'auth.sessions.revoke',
    'auth',
    'gateway',
  ),
  /** In pages, by session id: more as long as the answer carries `next`, which is the `after` of the next question. */
  revocations: rpc<{ after?: string | undefined }, A.Revocations>('auth.revocations', 'auth', 'gateway'),

  devices: rpc<{ user_id: string; after?: number | undefined }, { entries: A.DeviceEntry[] }>(
    'auth.devices.list',
    'auth',
    'gateway',
  ),
  /** Logs of at most `MAX_DEVICE_LOGS` users; unknown ones are left out. */
  deviceLogs: rpc<{ users: { user_id: string; after?: number | undefined }[] }, { logs: A.DeviceLog[] }>(
    'auth.devices.logs',
    'auth',
    'gateway',
    'channel',
    'trust-chain',
  ),
  appendDevice: rpc<{ session: A.Session; entry: Record<string, unknown> }, { seq: number; hash: string }>(
    'auth.devices.append',
    'auth',
    'gateway',
  ),

  /** KDF parameters and salt of a user's `encrypted_data`; decoys for unknown users. */
  retrievalParameters: rpc<A.Origin & { user_id: string }, { parameters: Record<string, unknown> }>(
    'auth.identity-file.parameters',
    'auth',
    'gateway',
  ),
  retrieveIdentityFile: rpc<
    A.Origin & { user_id: string; retrieval_key: string },
    { identity_file: Record<string, unknown> }
  >('auth.identity-file.fetch', 'auth', 'gateway'),

  profile: rpc<{ user_id: string }, A.Profile>('auth.accounts.profile', 'auth', 'gateway'),
  settings: rpc<{ user_id: string }, A.AccountSettings>('auth.accounts.settings', 'auth', 'gateway', 'channel'),
  /** The caller's own file, newly signed: profile, preferences, `encrypted_data`. */
  updateAccount: rpc<
    { session: A.Session; identity_file: Record<string, unknown>; retrieval_hash?: string | undefined },
    { user_id: string }
  >('auth.accounts.update', 'auth', 'gateway'),
  removeAccount: rpc<{ session: A.Session }, { user_id: string }>('auth.accounts.remove', 'auth', 'gateway'),
  /**
   * The caller's account goes on at another node (`MovedTo`): from now until `until` whoever asks for it is led there, then it ends. Safe to
   * repeat. 2000 with the fault when the record is not to be believed, CONFLICT `older_move` when a later one is known.
   */
  moveAccount: rpc<{ session: A.Session; moved_to: Record<string, unknown> }, { moved_to: MovedTo; until: string }>(
    'auth.accounts.move',
    'auth',
    'gateway',
  ),

  suspend: rpc<{ session: A.Session; user_id: string; suspended: boolean }, { user_id: string; suspended: boolean }>(
    'auth.admin.suspend',
    'auth',
    'gateway',
  ),
  approve: rpc<{ session: A.Session; user_id: string }, { user_id: string }>('auth.admin.approve', 'auth', 'gateway'),
  pending: rpc<{ session: A.Session }, { user_ids: string[] }>('auth.admin.pending', 'auth', 'gateway'),
  createInvite: rpc<
    { session: A.Session; uses?: number | undefined; expires_in?: number | undefined },
    { code: string; expires: string; uses_left: number }
  >('auth.admin.invites.create', 'auth', 'gateway'),
  invites: rpc<{ session: A.Session }, { invites: A.InviteSummary[] }>('auth.admin.invites.list', 'auth', 'gateway'),

  devicesChanged: topic<A.DevicesChanged>('auth.event.devices-changed', 'auth', 'channel', 'keys'),
  sessionsRevoked: topic<A.SessionsRevoked>('auth.event.sessions-revoked', 'auth', 'gateway'),
  /** A user of this node, or one of another whom this node knows. */
  userMoved: topic<A.UserMoved>('auth.event.user-moved', 'auth', 'gateway'),
  settingsChanged: topic<A.AccountSettings>('auth.event.settings-changed', 'auth', 'gateway'),
  keysChanged: topic<{ keys: A.PublicJwk[] }>('auth.event.keys-changed', 'auth', 'gateway'),
} as const;

export const CHANNEL = {
  /** `channel.post.<partition>`: the only exchange on the path of a message. */
  post: rpc<C.PostBatch, C.PostBatchAnswer>('channel.post.*', 'channel', 'gateway'),

  create: rpc<C.CreateRequest, C.StateChange>('channel.create', 'channel', 'gateway'),
  join: rpc<{ session: A.Session; channel_id: string }, C.StateChange>('channel.join', 'channel', 'gateway'),
  leave: rpc<{ session: A.Session; channel_id: string }, C.StateChange>('channel.leave', 'channel', 'gateway'),
  update: rpc<C.UpdateRequest, C.StateChange>('channel.update', 'channel', 'gateway'),

  /** One signed entry of an `e2ee` channel's state chain: join, leave, invite, kick, ban, settings. 2007 `stale_state` with the head. */
  changeState: rpc<C.ChangeStateRequest, C.StateChange>('channel.state.change', 'channel', 'gateway'),
  state: rpc<C.StateRequest, C.StatePage>('channel.state.read', 'channel', 'gateway'),
  /** The DM of two users, made when there is none; both are members for good. That the other exists is the caller's to check. */
  openDm: rpc<{ session: A.Session; user_id: string }, C.StateChange>('channel.dm.open', 'channel', 'gateway'),
  invitations: rpc<{ user_id: string }, { invitations: C.Invitation[] }>('channel.invitations', 'channel', 'gateway'),

  /**
   * `#name` or `ch_…` to both. CHANNEL_NOT_FOUND when there is none, or none that `user_id` may know of: names of private channels and
   * group DMs are found by their members and invited only; ids by everybody, since an id says nothing. `#name@node` and `ch_…@node` are
   * looked for at that node too.
   */
  resolve: rpc<{ name: string; user_id?: string | undefined }, C.ChannelInfo>('channel.resolve', 'channel', 'gateway'),
  list: rpc<{ user_id: string }, { channels: C.ChannelInfo[] }>('channel.list', 'channel', 'gateway'),
  memberships: rpc<{ user_id: string }, { memberships: C.Membership[] }>('channel.memberships', 'channel', 'gateway'),
  /** Posts that were answered `queued` and came to nothing, as long as no device of the author has taken note; the oldest 200. */
  refusals: rpc<{ user_id: string }, { refusals: C.PostRefused[] }>('channel.refusals', 'channel', 'gateway'),
  refusalsSeen: rpc<{ session: A.Session; message_ids: string[] }, object>(
    'channel.refusals.seen',
    'channel',
    'gateway',
  ),
  members: rpc<
    { user_id: string; channel_id: string; after?: string | undefined; limit: number },
    { members: { user_id: string; role: string; joined_at: string }[]; has_more: boolean }
  >('channel.members', 'channel', 'gateway'),
  /** INSUFFICIENT_PERMISSIONS unless the user is a member. */
  membership: rpc<{ user_id: string; channel_id: string }, C.Membership>('channel.membership', 'channel', 'gateway'),

  history: rpc<C.HistoryRequest, C.HistoryPage>('channel.history', 'channel', 'gateway', 'trust-chain'),
  range: rpc<C.RangeRequest, C.EntryBatch & { head: number }>(
    'channel.range',
    'channel',
    'gateway',
    'federation',
    'trust-chain',
  ),
  /** Other nodes that have members in channels whose home is here. In pages by channel id: of all channels, or of one. */
  audience: rpc<
    { channel_id?: string | undefined; after?: string | undefined },
    { channels: C.AudienceChannel[]; next?: string }
  >('channel.audience', 'channel', 'federation'),
  heads: rpc<{ channel_ids: string[] }, { heads: Record<string, number> }>('channel.heads', 'channel', 'gateway'),

  /** Where a channel has its home, for its members: what the owner's client needs to sign a hand-over. */
  home: rpc<{ user_id: string; channel_id: string }, C.ChannelHome>('channel.home', 'channel', 'gateway'),
  /** What is left of a channel whose home does not answer, for its owner. */
  homeSurvey: rpc<{ user_id: string; channel_id: string }, C.HomeSurvey>('channel.home-survey', 'channel', 'gateway'),
  /**
   * Moves the home of a channel, by its owner's word. Answered `moving` when the new home has not taken it yet. Errors as
   * `PEER.channel_handover`; NODE_UNREACHABLE when one of the two nodes is away, and then nothing has changed.
   */
  handOver: rpc<C.HandOverRequest, C.ChannelHome>('channel.hand-over', 'channel', 'gateway'),

  /** Removes a user from every channel and wipes what he wrote: an ended temporary account, or one that its owner deletes. Safe to repeat. */
  forgetUser: rpc<{ user_id: string }, { channels: number; entries: number }>('channel.forget-user', 'channel', 'auth'),

  /** `channel.entries.<channel_id>`: what was committed, in order. */
  entries: topic<C.EntryBatch>('channel.entries.*', 'channel', 'gateway', 'federation'),
  membershipChanged: topic<C.MembershipChanged>('channel.event.membership-changed', 'channel', 'gateway'),
  invitationChanged: topic<C.InvitationChanged>('channel.event.invitation-changed', 'channel', 'gateway'),
  /** The home of a channel is another now. */
  homeMoved: topic<{ channel_id: string }>('channel.event.home-moved', 'channel', 'channel', 'federation', 'gateway'),
  /** A post that was answered `queued` will not be ordered. One that was is heard as an entry. */
  postRefused: topic<C.PostRefused>('channel.event.post-refused', 'channel', 'gateway'),
  devicesChanged: topic<C.MemberDevicesChanged>('channel.event.devices-changed', 'channel', 'gateway'),
} as const;

export const KEYS = {
  /** CONFLICT `old_epoch` for a lower epoch than the stored one; a higher one voids the stock. */
  publish: rpc<{ session: A.Session; epoch: number; prekeys: Prekey[] }, KeyStock>('keys.publish', 'keys', 'gateway'),
  /** Hands each one-time prekey out once. Whoever drains a stock gets last resorts only. */
  claim: rpc<{ session: A.Session; devices: DeviceReference[] }, ClaimedKeys>('keys.claim', 'keys', 'gateway'),

  send: rpc<{ session: A.Session; messages: KeyMessage[] }, SentKeys>('keys.queue.send', 'keys', 'gateway'),
  /** To all devices of a user of any node (§10.2); `devices`: how many of this node. */
  route: rpc<{ session: A.Session; message: RoutedMessage }, { devices: number }>('keys.route', 'keys', 'gateway'),
  fetch: rpc<{ session: A.Session; after: number; limit: number }, QueuePage>('keys.queue.fetch', 'keys', 'gateway'),
  /** Everything up to a number was taken and written down: it is gone. */
  acknowledge: rpc<{ session: A.Session; up_to: number }, { left: number }>('keys.queue.ack', 'keys', 'gateway'),

  /** Keeps what is there: the answer names the ids that were, with their bodies. */
  putBackup: rpc<{ session: A.Session; records: BackupRecord[] }, { kept: BackupRecord[] }>(
    'keys.backup.put',
    'keys',
    'gateway',
  ),
  backup: rpc<{ session: A.Session; month?: string | undefined; after?: string | undefined }, BackupPage>(
    'keys.backup.read',
    'keys',
    'gateway',
  ),
  /** These records, as far as they are there. */
  backupRecords: rpc<{ session: A.Session; ids: string[] }, BackupPage>('keys.backup.find', 'keys', 'gateway'),
  /** One month, or everything. */
  deleteBackup: rpc<{ session: A.Session; month?: string | undefined }, { deleted: number }>(
    'keys.backup.delete',
    'keys',
    'gateway',
  ),

  /**
   * A node can be reached: what waits for it goes now, before the messages that it unlocks. Resolves within some seconds; `moves`: it did not
   * have enough of them, and whoever asks again comes further.
   */
  relay: rpc<{ node_id: string }, { waits: boolean; moves?: boolean }>('keys.relay', 'keys', 'federation'),

  /** Everything of a removed account. Safe to repeat. */
  forgetUser: rpc<{ user_id: string }, { deleted: number }>('keys.forget-user', 'keys', 'auth'),

  queued: topic<K.DevicesQueued>('keys.event.queued', 'keys', 'gateway'),
  stockLow: topic<K.StockLow>('keys.event.stock-low', 'keys', 'gateway'),
} as const;

export const GATEWAY = {
  presence: topic<G.PresenceChanged>('gateway.presence.changed', 'gateway', 'gateway', 'federation'),
  presenceSnapshot: topic<G.PresenceSnapshot>('gateway.presence.snapshot', 'gateway', 'gateway', 'federation'),
  beat: topic<G.GatewayBeat>('gateway.beat', 'gateway', 'gateway', 'federation'),
  /** `gateway.typing.<channel_id>` */
  typing: topic<G.TypingChanged>('gateway.typing.*', 'gateway', 'gateway', 'federation'),
} as const;
