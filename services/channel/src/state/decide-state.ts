import { DcpError, linkKeyOf, MAX_INVITE_LINKS, type StateEffect, stateEffect, type StateFacts } from '@dcp/protocol';
import type { Head } from '../log/commit-plan.js';
import type { Concerned, Settings, StateOperation } from '../log/operation.js';
import type { Roster } from '../log/roster.js';
import type { Standings } from './standings.js';

/** Invitations that a channel may have open at the same time. */
const MAX_INVITATIONS = 1_000;

/** What a state entry is decided on. */
export interface StateTools {
  roster: Roster;
  standings: Standings;
  /** Numbers the entry and makes it the head of the chain; returns its `seq`. */
  append: () => number;
  update: (settings: Settings & { channelId: string }) => void;
}

/** Decides one entry of a state chain under the lock and does what it says. Returns its number, or why not. */
export function decideState(
  operation: StateOperation,
  head: Head,
  tools: StateTools,
): { seq: number; concerned: Concerned[] } | DcpError {
  const facts = factsOf(operation, head, tools);
  // Who may not know of the channel gets the answer of a channel that is not there, whatever else is wrong.
  if (head.visibility !== 'public' && !isKnown(facts)) return new DcpError('CHANNEL_NOT_FOUND');
  if (head.encryption !== 'e2ee')
    return new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'node_channel', path: 'entry' });
  if (head.visibility === 'dm') return denied('dm');
  if (operation.state.prev_state !== head.stateHead) return staleState(head);
  try {
    const effect = stateEffect(operation.state, facts);
    checkLimits(effect, operation, head, tools);
    const seq = tools.append();
    if (effect.rekey) head.epoch++;
    return { seq, concerned: apply(effect, operation, head, seq, tools) };
  } catch (error) {
    if (error instanceof DcpError) return error;
    throw error;
  }
}

function factsOf({ state, linkKey, at }: StateOperation, head: Head, { roster, standings }: StateTools): StateFacts {
  const { channelId, visibility, creator, stateHead } = head;
  const standing = (userId: string) => ({
    role: roster.member(channelId, userId)?.role ?? null,
    invitedKey: standings.invitedKey(channelId, userId),
    banned: standings.isBanned(channelId, userId),
  });
  const expires = linkKey === undefined ? undefined : standings.linkExpires(channelId, linkKey);
  // Clients judge a link by the time in the entry, the node by its own too.
  const lives = expires !== undefined && Math.max(at, Date.parse(state.timestamp)) < expires;
  const usable = lives || (expires !== undefined && state.content.action === 'link_revoked');
  return {
    visibility,
    created: stateHead !== null,
    creator,
    actor: standing(state.author),
    target: standing(state.content.target),
    link: usable ? { key: linkKeyOf(state) ?? '' } : undefined,
  };
}

/** Members, the invited, and whoever holds a link of the channel. */
function isKnown({ actor, link }: StateFacts): boolean {
  return actor.role !== null || actor.invitedKey !== null || link !== undefined;
}

function checkLimits(effect: StateEffect, { userId, state }: StateOperation, head: Head, tools: StateTools): void {
  // A chain begins with its channel only.
  if (effect.kind === 'created') throw new DcpError('CONFLICT', { reason: 'already', what: state.content.action });
  const { invitations, links } = tools.standings.count(head.channelId);
  if (effect.kind === 'joined') {
    const refusal = tools.roster.refusal(head, userId);
    if (refusal !== undefined) throw refusal;
  }
  if (effect.kind === 'invited' && invitations >= MAX_INVITATIONS) throw denied('too_many_invitations');
  if (effect.kind === 'linked' && links >= MAX_INVITE_LINKS) throw denied('too_many_links');
}

/** Does what the entry says; the answer names whom the gateways must be told about. */
function apply(
  effect: StateEffect,
  { userId }: StateOperation,
  head: Head,
  seq: number,
  { roster, standings, update }: StateTools,
): Concerned[] {
  const { channelId } = head;
  switch (effect.kind) {
    case 'joined':
      standings.uninvite(channelId, effect.user);
      roster.admit(head, effect.user, { role: 'member', joinedSeq: seq, identityKey: effect.identityKey });
      return [{ userId: effect.user, change: 'joined' }];
    case 'left':
    case 'removed':
      roster.dismiss(head, effect.user);
      return [{ userId: effect.user, change: 'left' }];
    case 'banned':
      return ban(effect.user, userId, head, { roster, standings });
    case 'unbanned':
      standings.unban(channelId, effect.user);
      return [];
    case 'invited':
      standings.invite(channelId, effect.user, effect.identityKey, userId);
      return [{ userId: effect.user, change: 'invited' }];
    case 'uninvited':
      standings.uninvite(channelId, effect.user);
      return [{ userId: effect.user, change: 'revoked' }];
    case 'linked':
      standings.link(channelId, effect.key, effect.expires);
      return [];
    case 'unlinked':
      standings.unlink(channelId, effect.key);
      return [];
    case 'settings':
      update({ channelId, title: effect.title, description: effect.description, mandate: effect.mandate });
      return [];
    case 'created':
      return [];
  }
}

/** Also of somebody who is no member: he can be invited no more, and keys that he may have are used no more. */
function ban(
  user: string,
  bannedBy: string,
  head: Head,
  { roster, standings }: Pick<StateTools, 'roster' | 'standings'>,
): Concerned[] {
  const { channelId } = head;
  standings.ban(channelId, user, bannedBy);
  const wasInvited = standings.uninvite(channelId, user);
  if (roster.member(channelId, user) === undefined) {
    head.aclVersion++;
    return wasInvited ? [{ userId: user, change: 'revoked' }] : [];
  }
  roster.dismiss(head, user);
  return [{ userId: user, change: 'left' }];
}

/** Somebody else was faster: rebase on this head (profile §4). */
function staleState({ stateHead, epoch }: Head): DcpError {
  return new DcpError('CONFLICT', { reason: 'stale_state', state_head: stateHead, epoch });
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
