import { DcpError } from './errors.js';

/** §9.1: at most 100 characters, the leading `#` counted, and at most 5 levels. */
export const MAX_CHANNEL_NAME = 100;
export const MAX_CHANNEL_DEPTH = 5;

/** Shapes of §2 and the profile §2. They say how a name looks, not that the thing exists. */
export const NODE_ID = /^[a-z0-9]{8}$/;
export const USERNAME = /^[a-z0-9][a-z0-9_-]{2,62}$/;
export const USER_ID = /^[a-z0-9]{8}\.[a-z0-9][a-z0-9_-]{2,62}$/;
export const CHANNEL_ID = /^ch_[a-z2-7]{52}$/;
export const MESSAGE_ID = /^msg_[a-z0-9]{16}$/;
export const MESSAGE_REFERENCE = /^msg_[a-z0-9_]{1,64}$/;
export const DEVICE_ID = /^dev_[a-z0-9]{16}$/;

/** Branches that the protocol keeps for itself: group DMs and system channels. */
const RESERVED_BRANCHES = new Set(['dm', 'sys']);
const SEGMENT = /^[a-z0-9_-]+$/;

/** `{node}.{username}`, split at the first dot. Throws 2000 for anything else. */
export function parseUserId(userId: string): { nodeId: string; username: string } {
  if (!USER_ID.test(userId)) throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'user_id', path: 'user_id' });
  return { nodeId: userId.slice(0, 8), username: userId.slice(9) };
}

export function formatUserId(nodeId: string, username: string): string {
  return `${nodeId}.${username}`;
}

/** What breaks the rules of §9.1, or undefined for a good name such as `#development/rust-help`. */
export function channelNameFault(name: string): string | undefined {
  if (!name.startsWith('#')) return 'must_start_with_hash';
  if (name.length > MAX_CHANNEL_NAME) return 'too_long';
  const levels = name.slice(1).split('/');
  if (levels.length > MAX_CHANNEL_DEPTH) return 'too_deep';
  if (levels.some((level) => level === '')) return 'empty_level';
  if (!levels.every((level) => SEGMENT.test(level))) return 'invalid_character';
  return undefined;
}

/** Throws 2006 with the rule that is broken. Reserved branches are refused too: users cannot create them. */
export function checkNewChannelName(name: string): void {
  const fault = channelNameFault(name) ?? (isReserved(name) ? 'reserved' : undefined);
  if (fault !== undefined) throw new DcpError('INVALID_CHANNEL_NAME', { reason: fault });
}

function isReserved(name: string): boolean {
  return RESERVED_BRANCHES.has(name.slice(1).split('/')[0] ?? '');
}

/** `#development` for `#development/rust-help`; undefined for a channel of the first level. */
export function parentChannelName(name: string): string | undefined {
  const cut = name.lastIndexOf('/');
  return cut < 0 ? undefined : name.slice(0, cut);
}

/**
 * What a client wrote where a channel is meant: `ch_…`, `#name`, `name` without `#` (as URLs carry it), each of them also with `@nodeid`
 * behind it, or the `@user-id` of a DM (§9.2). Throws 2006 for anything else.
 */
export function parseChannelReference(
  text: string,
): { channelId: string; nodeId?: string } | { dmWith: string } | { name: string; nodeId?: string } {
  if (text.startsWith('@') && USER_ID.test(text.slice(1))) return { dmWith: text.slice(1) };
  const [bare = '', nodeId, ...rest] = text.split('@');
  if (CHANNEL_ID.test(bare) && rest.length === 0) return { channelId: bare, ...atNode(nodeId) };
  const name = bare.startsWith('#') ? bare : `#${bare}`;
  const fault = channelNameFault(name) ?? (rest.length > 0 ? 'invalid_character' : undefined);
  if (fault !== undefined) throw new DcpError('INVALID_CHANNEL_NAME', { reason: fault });
  return { name, ...atNode(nodeId) };
}

function atNode(nodeId: string | undefined): { nodeId?: string } {
  if (nodeId === undefined) return {};
  if (!NODE_ID.test(nodeId)) throw new DcpError('INVALID_CHANNEL_NAME', { reason: 'node_id' });
  return { nodeId };
}

/** A DM's name on the node: both members, sorted. Each of them sees the other's `@user-id` instead (`viewerName`). */
export function dmName(a: string, b: string): string {
  return `@${[a, b].sort().join(',')}`;
}

/** The name under which a user sees a channel: for a DM the other member's address (§9.2), for others the name itself. */
export function viewerName(name: string, userId: string): string {
  if (!name.startsWith('@')) return name;
  const [a = '', b = ''] = name.slice(1).split(',');
  return `@${a === userId ? b : a}`;
}

/** `#dm/` and 12 base32 characters: the generated name of a group DM. */
export const GROUP_NAME = /^#dm\/[a-z2-7]{12}$/;
