import { formatHash, parseKey, sha256, toBase32, verifySigned } from '@dcp/crypto';
import {
  channelIdInput,
  DcpError,
  dmChannelIdInput,
  linkGrant,
  linkKeyOf,
  messageSigningInput,
  signingInput,
  stateEffect,
  type ChannelRole,
  type Genesis,
  type Mandate,
  type StateEffect,
  type StateEntry,
  type StateFacts,
  type UserStanding,
  type Visibility,
} from '@dcp/protocol';
import { normalKey } from './device-log.js';

export interface ChainMember {
  role: ChannelRole;
  /** `ed25519:` text; null where no entry names it (DM). */
  identityKey: string | null;
}

/** Somebody who was a member for every `seq` below `until`. */
export interface FormerMember extends ChainMember {
  until: number;
}

/** Former members whose last words may still be under way. */
const MAX_FORMER = 1_000;

/**
 * An `e2ee` channel as its state chain proves it: whoever is in it was let in by somebody who could, and every entry is signed and names
 * the one before. Plain data: it is stored as it is.
 */
export interface ChannelState {
  channelId: string;
  visibility: Visibility;
  creator: string;
  created: boolean;
  members: Record<string, ChainMember>;
  /** Who has left: the state may be known further than the messages were read. */
  former?: Record<string, FormerMember>;
  /** Identity key by invited user. */
  invited: Record<string, string>;
  banned: Record<string, true>;
  /** End of life by link key. */
  links: Record<string, string>;
  epoch: number;
  /** The highest epoch that a member has named: above `epoch` the node hides a change from us. */
  seenEpoch?: number;
  /** Hash of the last entry. */
  head: string | null;
  /** `seq` of the last entry, and up to which the log is known to hold no other. */
  seq: number;
  title: string;
  description: string;
  /** Whom its owner trusts in his place when its home is lost: the newest that was seen. */
  mandate?: Mandate;
  /** Members of a group DM from its start: their identity keys. */
  founders: Record<string, string>;
}

/** What the node shows is not a chain that follows the rules: nothing is encrypted for such a channel. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
  constructor(
    readonly fault: string,
    readonly channelId: string,
  ) {
    super(`the state chain of ${channelId} is not believed: ${fault}`);
  }
}

export function channelIdOf(genesis: Genesis): string {
  return `ch_${toBase32(sha256(channelIdInput(genesis)))}`;
}

export function dmChannelId(a: string, b: string): string {
  return `ch_${toBase32(sha256(dmChannelIdInput(a, b)))}`;
}

/** Before the first entry: what the genesis says, which hashes to the channel's id and is signed by its creator. */
export function chainFromGenesis(channelId: string, genesis: Genesis, signature: string): ChannelState {
  if (channelIdOf(genesis) !== channelId) throw new ChainError('genesis_of_another_channel', channelId);
  if (!isSignedBy(genesis.creator_key, signingInput('GENESIS', genesis), signature))
    throw new ChainError('genesis_signature', channelId);
  const founders = Object.fromEntries(
    (genesis.members ?? []).map(({ user_id, identity_key }) => [user_id, normalKey(identity_key)]),
  );
  return { ...emptyState(channelId, genesis.visibility, genesis.creator), founders, title: genesis.name.slice(1) };
}

/** A DM needs no chain: its two members are its id. */
export function dmState(channelId: string, a: string, b: string): ChannelState {
  if (dmChannelId(a, b) !== channelId) throw new ChainError('not_this_pair', channelId);
  const members = Object.fromEntries([a, b].map((user) => [user, { role: 'member', identityKey: null } as const]));
  return { ...emptyState(channelId, 'dm', a), created: true, members };
}

function emptyState(channelId: string, visibility: Visibility, creator: string): ChannelState {
  return {
    channelId,
    visibility,
    creator,
    created: false,
    members: {},
    invited: {},
    banned: {},
    links: {},
    epoch: 0,
    head: null,
    seq: 0,
    title: '',
    description: '',
    founders: {},
  };
}

/** What `prev_state` of the next entry must be: the SHA-256 of the bytes that this one's author signed. */
export function stateHash(entry: StateEntry): string {
  return formatHash(sha256(messageSigningInput(entry, 'MESSAGE')));
}

/** The signing key of the author's device, or undefined when his log does not certify it for this identity key. */
export type FindDeviceKey = (entry: StateEntry, identityKey: string | null) => Uint8Array | undefined;

/** The state after one more entry; the old one stays as it was. Throws ChainError. */
export function extendChain(state: ChannelState, entry: StateEntry, seq: number, findKey: FindDeviceKey): ChannelState {
  const fail = (fault: string) => new ChainError(fault, state.channelId);
  if (entry.channel_id !== state.channelId) throw fail('entry_of_another_channel');
  if (entry.prev_state !== state.head) throw fail('not_the_next_entry');
  const effect = effectOf(state, entry);
  checkLink(state, entry);
  const key = findKey(entry, authorKey(state, entry));
  if (key === undefined) throw fail('unknown_device');
  if (!verifySigned(key, messageSigningInput(entry, 'MESSAGE'), entry.signature)) throw fail('bad_signature');
  return applied(advanced(state, effect, entry, seq), effect, entry);
}

/** The same without signatures, for entries that lead to a head that somebody has signed: their hashes prove them. Throws ChainError. */
export function followChain(state: ChannelState, entry: StateEntry, seq: number): ChannelState {
  if (entry.prev_state !== state.head) throw new ChainError('not_the_next_entry', state.channelId);
  const effect = effectOf(state, entry);
  return applied(advanced(state, effect, entry, seq), effect, entry);
}

function advanced(state: ChannelState, effect: StateEffect, entry: StateEntry, seq: number): ChannelState {
  return { ...state, head: stateHash(entry), seq, epoch: state.epoch + (effect.rekey ? 1 : 0) };
}

function effectOf(state: ChannelState, entry: StateEntry): StateEffect {
  try {
    return stateEffect(entry, factsOf(state, entry));
  } catch (error) {
    if (error instanceof DcpError) throw new ChainError(String(error.details['reason']), state.channelId);
    throw error;
  }
}

/** What the rules ask about the channel before the entry. */
export function factsOf(state: ChannelState, entry: StateEntry): StateFacts {
  const { visibility, created, creator } = state;
  const linkKey = linkKeyOf(entry);
  const expires = linkKey === undefined ? undefined : state.links[linkKey];
  const open = expires !== undefined && Date.parse(entry.timestamp) < Date.parse(expires);
  const revoking = entry.content.action === 'link_revoked';
  return {
    visibility,
    created,
    creator,
    actor: standing(state, entry.author),
    target: standing(state, entry.content.target),
    link: linkKey !== undefined && expires !== undefined && (open || revoking) ? { key: linkKey } : undefined,
  };
}

function standing(state: ChannelState, user: string): UserStanding {
  return {
    role: state.members[user]?.role ?? null,
    invitedKey: state.invited[user] ?? null,
    banned: state.banned[user] === true,
  };
}

/** Who comes by a link proves that he holds it. */
function checkLink(state: ChannelState, entry: StateEntry): void {
  if (entry.content.action !== 'user_joined') return;
  const link = entry.content.details['link'] as { key?: unknown; proof?: unknown } | null | undefined;
  if (link === undefined) return;
  const grant = signingInput('GRANT', linkGrant(state.channelId, entry.author));
  if (!isSignedBy(link?.key, grant, link?.proof)) throw new ChainError('link_proof', state.channelId);
}

function isSignedBy(key: unknown, input: Uint8Array, signature: unknown): boolean {
  if (typeof key !== 'string' || typeof signature !== 'string') return false;
  try {
    return verifySigned(parseKey(key).bytes, input, signature);
  } catch {
    // No key at all.
    return false;
  }
}

/** The identity key whose log must hold the author's device: the one he joins with, or is in with. */
function authorKey(state: ChannelState, { author, content }: StateEntry): string | null {
  const named = content.details['identity_key'];
  if (content.action === 'channel_created' || content.action === 'user_joined') return String(named ?? '');
  return state.members[author]?.identityKey ?? state.invited[author] ?? null;
}

function applied(state: ChannelState, effect: StateEffect, entry: StateEntry): ChannelState {
  switch (effect.kind) {
    case 'created':
      return { ...state, created: true, members: foundingMembers(state, entry) };
    case 'joined':
      return {
        ...state,
        members: { ...state.members, [effect.user]: { role: 'member', identityKey: effect.identityKey } },
        invited: without(state.invited, effect.user),
      };
    case 'left':
    case 'removed':
      return withoutMember(state, effect.user);
    case 'banned':
      return {
        ...withoutMember(state, effect.user),
        invited: without(state.invited, effect.user),
        banned: { ...state.banned, [effect.user]: true },
      };
    case 'unbanned':
      return { ...state, banned: without(state.banned, effect.user) };
    case 'invited':
      return { ...state, invited: { ...state.invited, [effect.user]: effect.identityKey } };
    case 'uninvited':
      return { ...state, invited: without(state.invited, effect.user) };
    case 'linked':
      return { ...state, links: { ...state.links, [effect.key]: effect.expires } };
    case 'unlinked':
      return { ...state, links: without(state.links, effect.key) };
    case 'settings':
      return {
        ...withMandate(state, effect.mandate),
        title: effect.title ?? state.title,
        description: effect.description ?? state.description,
      };
  }
}

/** The state in which this mandate is known too: of two the one with the greater serial counts. */
export function withMandate(state: ChannelState, mandate: Mandate | undefined): ChannelState {
  const isNews = mandate !== undefined && mandate.serial > (state.mandate?.serial ?? 0);
  return isNews ? { ...state, mandate } : state;
}

function foundingMembers(state: ChannelState, { author, content }: StateEntry): Record<string, ChainMember> {
  const creatorKey = String(content.details['identity_key'] ?? '');
  const founder = state.founders[author];
  if (founder !== undefined && founder !== creatorKey) throw new ChainError('other_identity_key', state.channelId);
  const others = Object.entries(state.founders).map(
    ([user, identityKey]) => [user, { role: 'member', identityKey }] as const,
  );
  return { ...Object.fromEntries(others), [author]: { role: 'owner', identityKey: creatorKey } };
}

/** The author of the message at `seq`, if he was a member then. */
export function authorAt(state: ChannelState, userId: string, seq: number): ChainMember | undefined {
  const former = state.former?.[userId];
  return state.members[userId] ?? (former !== undefined && seq < former.until ? former : undefined);
}

function withoutMember(state: ChannelState, userId: string): ChannelState {
  const member = state.members[userId];
  const members = without(state.members, userId);
  if (member === undefined) return { ...state, members };
  const others = Object.entries(without(state.former ?? {}, userId)).slice(1 - MAX_FORMER);
  return { ...state, members, former: { ...Object.fromEntries(others), [userId]: { ...member, until: state.seq } } };
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _gone, ...rest } = record;
  return rest;
}
