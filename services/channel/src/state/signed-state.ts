import type { Session } from '@dcp/contracts';
import { formatHash, formatKey, parseKey, sha256, verifySigned } from '@dcp/crypto';
import {
  checkMessageSize,
  DcpError,
  invalidFormat,
  linkGrant,
  linkKeyOf,
  messageSigningInput,
  parseWith,
  refuseNodeMembers,
  signingInput,
  type StateEntry,
  stateEntrySchema,
  type SystemAction,
  timeField,
  USER_ID,
} from '@dcp/protocol';
import { newEntry, type NewEntry, storedForm, type StoredMessage } from '../log/new-entry.js';
import * as checks from '../log/post-checks.js';

/** A state entry as its author sent it, of the right shape and from the right person; `checkState` says whether it is good. */
export interface SignedState {
  state: StateEntry;
  stored: Record<string, unknown>;
  entry: NewEntry;
  linkKey: string | undefined;
}

/** Actions whose `target` is a user. */
const ABOUT_USERS: ReadonlySet<SystemAction> = new Set([
  'user_joined',
  'user_left',
  'user_invited',
  'invitation_revoked',
  'user_removed',
  'user_banned',
  'user_unbanned',
]);

/** Shape, channel, author and device (profile §4). Throws INVALID_MESSAGE_FORMAT and INSUFFICIENT_PERMISSIONS. */
export function parseState(raw: Record<string, unknown>, channelId: string, session: Session): SignedState {
  refuseNodeMembers(raw);
  const state = parseWith(stateEntrySchema, raw);
  if (state.channel_id !== channelId) throw invalidFormat('not the channel that this was sent to', 'channel_id');
  // The identity key signs device logs only: every other member must be able to tell which device spoke.
  if (session.device === null) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'device_required' });
  checks.checkAuthor(state, session);
  const stored = storedForm(raw, channelId);
  const stateHash = formatHash(sha256(messageSigningInput({ ...stored, channel_id: channelId }, 'MESSAGE')));
  return { state, stored, entry: { ...newEntry(stored as StoredMessage), stateHash }, linkKey: linkKeyOf(state) };
}

/** Everything else that needs no lock: clock, size, form, signature, and that whoever joins by a link holds its key. */
export function checkState(
  { state, stored, entry }: SignedState,
  session: Session,
  rules: { now: number; verifySignatures: boolean; relayed?: boolean },
): void {
  checks.checkClock(state.timestamp, rules.now, rules.relayed);
  checkMessageSize(stored);
  if (state.encryption.algorithm !== 'none') throw invalidFormat('state is not encrypted', 'encryption.algorithm');
  checks.checkEncryption(state.encryption);
  checks.checkReply(state);
  checks.checkText(stored, entry.body);
  checkContent(state);
  if (!rules.verifySignatures) return;
  checks.checkSignature(stored, state.signature, session.key);
  checkLinkProof(state);
}

function checkContent({ content: { action, target, details } }: StateEntry): void {
  if (ABOUT_USERS.has(action) && !USER_ID.test(target)) throw invalidFormat('not a user id', 'content.target');
  // Read as a number by the rules of the chain: a text that not every clock reads alike would part clients.
  if (action === 'link_created' && !timeField.safeParse(details['expires']).success) {
    throw invalidFormat('not an RFC 3339 time in UTC', 'content.details.expires');
  }
  for (const name of ['identity_key', 'key']) checkKey(details[name], `content.details.${name}`);
}

/** Keys are compared as text, so a key has one spelling here. */
function checkKey(key: unknown, path: string): void {
  if (key !== undefined && !isCanonicalKey(key)) throw invalidFormat('not an ed25519: key', path);
}

export function isCanonicalKey(key: unknown): key is string {
  try {
    return typeof key === 'string' && formatKey('ed25519', parseKey(key).bytes) === key;
  } catch {
    return false;
  }
}

function checkLinkProof({ channel_id, author, content }: StateEntry): void {
  const { link } = content.details as { link?: { key?: unknown; proof?: unknown } | null };
  if (content.action !== 'user_joined' || link === undefined) return;
  if (link === null || !provesLink(channel_id, author, { key: link.key, proof: link.proof })) {
    throw invalidFormat('link_proof', 'content.details.link');
  }
}

/** Whether `proof` is the link key's signature (TYPE GRANT) over the grant for this user and channel. */
export function provesLink(channelId: string, userId: string, link: { key: unknown; proof: unknown }): boolean {
  if (!isCanonicalKey(link.key) || typeof link.proof !== 'string') return false;
  return verifySigned(parseKey(link.key).bytes, signingInput('GRANT', linkGrant(channelId, userId)), link.proof);
}
