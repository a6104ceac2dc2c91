import { DcpError } from './errors.js';
import type { Visibility } from './genesis.js';
import { type Mandate, mandateSchema } from './mandate.js';
import type { StateEntry } from './messages.js';

/**
 * The rules of the state chain (profile §4, §5): who may change an `e2ee` channel, and what the change does. Nodes decide by them under
 * their locks and clients check every entry by them again, so that a node can neither add a reader nor hide a removal.
 */

export type ChannelRole = 'owner' | 'member';

/** What the decider knows about one user of the channel, before the entry. */
export interface UserStanding {
  role: ChannelRole | null;
  /** The identity key that an open invitation names; null: not invited. */
  invitedKey: string | null;
  banned: boolean;
}

/** What the decider knows before the entry. */
export interface StateFacts {
  visibility: Visibility;
  /** False: the chain has no entry yet. */
  created: boolean;
  creator: string;
  actor: UserStanding;
  target: UserStanding;
  /** The invite link that the entry names; undefined: there is no such link, it was revoked or its time is over. */
  link?: { key: string } | undefined;
}

/** What an entry does. `rekey`: somebody may read no longer, so the key epoch grows. */
export type StateEffect =
  | { kind: 'created'; rekey: false }
  | { kind: 'joined'; user: string; identityKey: string; rekey: false }
  | { kind: 'left'; user: string; rekey: boolean }
  | { kind: 'invited'; user: string; identityKey: string; rekey: false }
  | { kind: 'uninvited'; user: string; rekey: false }
  | { kind: 'removed'; user: string; rekey: boolean }
  | { kind: 'banned'; user: string; rekey: true }
  | { kind: 'unbanned'; user: string; rekey: false }
  | { kind: 'linked'; key: string; expires: string; rekey: false }
  | { kind: 'unlinked'; key: string; rekey: false }
  | { kind: 'settings'; title?: string; description?: string; mandate?: Mandate; rekey: false };

/** Invite links that a channel may have at the same time, and the longest life of one. */
export const MAX_INVITE_LINKS = 50;
export const MAX_LINK_DAYS = 90;

/**
 * What the entry does, or a DcpError: INSUFFICIENT_PERMISSIONS for who may not, INVALID_MESSAGE_FORMAT for what makes no sense,
 * CONFLICT with `already` where nothing would change. That the entry is signed, and follows the head of the chain, is checked by
 * the caller; so is the proof of a link.
 */
export function stateEffect(entry: StateEntry, facts: StateFacts): StateEffect {
  const { content, author } = entry;
  // Its two members are its identity: nobody comes and nobody goes.
  if (facts.visibility === 'dm') throw denied('dm');
  if (content.actor !== author) throw invalid('actor', 'content.actor');
  if (content.action === 'channel_created') return created(entry, facts);
  if (!facts.created) throw invalid('chain_not_begun', 'content.action');
  const rule = RULES[content.action];
  return rule(entry, facts);
}

type Rule = (entry: StateEntry, facts: StateFacts) => StateEffect;

const RULES: Record<Exclude<StateEntry['content']['action'], 'channel_created'>, Rule> = {
  user_joined: joined,
  user_left: left,
  user_invited: invited,
  invitation_revoked: uninvited,
  user_removed: removed,
  user_banned: banned,
  user_unbanned: unbanned,
  link_created: linked,
  link_revoked: unlinked,
  settings_changed: settings,
};

function created(entry: StateEntry, { created: begun, creator }: StateFacts): StateEffect {
  if (begun) throw new DcpError('CONFLICT', { reason: 'already', what: 'channel_created' });
  if (entry.author !== creator) throw denied('not_the_creator');
  if (entry.prev_state !== null) throw invalid('not_the_first', 'prev_state');
  return { kind: 'created', rekey: false };
}

function joined(entry: StateEntry, { visibility, actor, link }: StateFacts): StateEffect {
  selfOnly(entry);
  if (actor.role !== null) throw already('user_joined');
  if (actor.banned) throw denied('banned');
  const identityKey = keyDetail(entry, 'identity_key');
  if (visibility !== 'public' && link === undefined) {
    if (actor.invitedKey === null) throw denied('not_invited');
    if (actor.invitedKey !== identityKey) throw denied('other_identity_key');
  }
  return { kind: 'joined', user: entry.author, identityKey, rekey: false };
}

function left(entry: StateEntry, { visibility, actor }: StateFacts): StateEffect {
  selfOnly(entry);
  if (actor.role === null) throw already('user_left');
  return { kind: 'left', user: entry.author, rekey: visibility !== 'public' };
}

/** §9.3: every member may invite. */
function invited(entry: StateEntry, { actor, target }: StateFacts): StateEffect {
  if (actor.role === null) throw denied('not_a_member');
  if (target.role !== null) throw already('user_joined');
  if (target.banned) throw denied('banned');
  const identityKey = keyDetail(entry, 'identity_key');
  if (target.invitedKey === identityKey) throw already('user_invited');
  return { kind: 'invited', user: entry.content.target, identityKey, rekey: false };
}

function uninvited(entry: StateEntry, { actor, target }: StateFacts): StateEffect {
  // The invited may decline; otherwise members withdraw.
  if (actor.role === null && entry.author !== entry.content.target) throw denied('not_a_member');
  if (target.invitedKey === null) throw already('invitation_revoked');
  return { kind: 'uninvited', user: entry.content.target, rekey: false };
}

function removed(entry: StateEntry, { visibility, actor, target }: StateFacts): StateEffect {
  if (actor.role !== 'owner') throw denied('not_the_owner');
  if (entry.author === entry.content.target) throw invalid('leave_instead', 'content.target');
  if (target.role === null) throw already('user_removed');
  return { kind: 'removed', user: entry.content.target, rekey: visibility !== 'public' };
}

function banned(entry: StateEntry, { actor, target }: StateFacts): StateEffect {
  if (actor.role !== 'owner') throw denied('not_the_owner');
  if (entry.author === entry.content.target) throw invalid('leave_instead', 'content.target');
  if (target.banned) throw already('user_banned');
  return { kind: 'banned', user: entry.content.target, rekey: true };
}

function unbanned(entry: StateEntry, { actor, target }: StateFacts): StateEffect {
  if (actor.role !== 'owner') throw denied('not_the_owner');
  if (!target.banned) throw already('user_unbanned');
  return { kind: 'unbanned', user: entry.content.target, rekey: false };
}

function linked(entry: StateEntry, { visibility, actor }: StateFacts): StateEffect {
  if (actor.role === null) throw denied('not_a_member');
  if (visibility !== 'private') throw invalid('not_a_private_channel', 'content.action');
  const expires = String(entry.content.details['expires'] ?? '');
  const life = Date.parse(expires) - Date.parse(entry.timestamp);
  if (!(life > 0 && life <= MAX_LINK_DAYS * 86_400_000)) throw invalid('link_lifetime', 'content.details.expires');
  return { kind: 'linked', key: keyDetail(entry, 'key'), expires, rekey: false };
}

function unlinked(_entry: StateEntry, { actor, link }: StateFacts): StateEffect {
  if (actor.role === null) throw denied('not_a_member');
  if (link === undefined) throw already('link_revoked');
  return { kind: 'unlinked', key: link.key, rekey: false };
}

function settings(entry: StateEntry, { actor }: StateFacts): StateEffect {
  if (actor.role !== 'owner') throw denied('not_the_owner');
  const { name, description } = entry.content.details;
  for (const [value, most] of [
    [name, 100],
    [description, 1_000],
  ] as const) {
    if (value !== undefined && (typeof value !== 'string' || [...value].length > most)) {
      throw invalid('not a text of allowed length', 'content.details');
    }
  }
  const title = name as string | undefined;
  return {
    kind: 'settings',
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description: description as string }),
    ...mandateIn(entry),
    rekey: false,
  };
}

/** Its own signature, of which whoever uses it must be sure, is checked when it is used. */
function mandateIn({ author, channel_id: channelId, content }: StateEntry): { mandate?: Mandate } {
  const told = content.details['mandate'];
  if (told === undefined) return {};
  const mandate = mandateSchema.safeParse(told).data;
  if (mandate === undefined || mandate.author !== author || mandate.channel_id !== channelId)
    throw invalid('not a mandate of the author for this channel', 'content.details.mandate');
  return { mandate };
}

/** The key of the invite link that a `user_joined` or `link_revoked` names; undefined: none. */
export function linkKeyOf({ content }: StateEntry): string | undefined {
  const { details, action } = content;
  const key = action === 'user_joined' ? (details['link'] as { key?: unknown } | undefined)?.key : details['key'];
  return typeof key === 'string' ? key : undefined;
}

/** What the holder of an invite link signs with the link's key (TYPE GRANT), so that only he can use the proof. */
export function linkGrant(channelId: string, userId: string): { channel_id: string; user_id: string; grant: 'join' } {
  return { channel_id: channelId, user_id: userId, grant: 'join' };
}

const KEY_TEXT = /^ed25519:[A-Za-z0-9+/]{43}=$/;

function keyDetail({ content }: StateEntry, name: 'identity_key' | 'key'): string {
  const key = content.details[name];
  if (typeof key !== 'string' || !KEY_TEXT.test(key)) throw invalid('not an ed25519: key', `content.details.${name}`);
  return key;
}

function selfOnly({ author, content }: StateEntry): void {
  if (content.target !== author) throw invalid('not the author', 'content.target');
}

function already(what: string): DcpError {
  return new DcpError('CONFLICT', { reason: 'already', what });
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}

function invalid(reason: string, path: string): DcpError {
  return new DcpError('INVALID_MESSAGE_FORMAT', { reason, path });
}
