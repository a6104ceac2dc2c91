import { AUTH, type Profile, type Session } from '@dcp/contracts';
import { formatKey, parseKey, verifySigned } from '@dcp/crypto';
import type { Bus } from '@dcp/node-kit';
import {
  DcpError,
  deviceEntrySchema,
  invalidFormat,
  parseWith,
  signingInput,
  type SystemAction,
  userMoved,
} from '@dcp/protocol';

/** A state entry before anybody has checked it. */
export type RawEntry = Record<string, unknown>;

interface RawContent {
  action: unknown;
  target: unknown;
  details: unknown;
}

/** Refuses an entry that says something else than the command that carries it. */
export function checkAction(entry: RawEntry, actions: readonly SystemAction[]): void {
  const { action } = contentOf(entry);
  if (actions.some((one) => one === action)) return;
  throw invalidFormat(`this command takes ${actions.join(', ')}`, 'entry.content.action');
}

/**
 * Clients believe a chain only when each author's device is in the log of the identity key that the chain names for him. An entry with a
 * wrong key would make the chain unreadable for everybody, so the node lets none in. Throws USER_NOT_FOUND for whoever is not here, with
 * the record of his move when an invited user is not here any more.
 */
export async function checkIdentityKey(entry: RawEntry, author: string, bus: Bus): Promise<void> {
  const { action, target, details } = contentOf(entry);
  const user_id = action === 'user_invited' ? target : author;
  if (action !== 'user_invited' && action !== 'user_joined' && action !== 'channel_created') return;
  // What is no user or no key is refused by the rules of the entry itself.
  if (typeof user_id !== 'string' || typeof details !== 'object' || details === null) return;
  const { moved_to } = await requireIdentityKey(user_id, (details as { identity_key?: unknown }).identity_key, bus);
  if (action === 'user_invited' && moved_to !== undefined) throw userMoved(moved_to);
}

/**
 * The certificate stands for the author's device log when his account is gone (docs/adr/0020): a wrong one would leave a chain that nobody
 * new can check. Throws INVALID_MESSAGE_FORMAT unless it is this device's, signed by this account's identity key.
 */
export async function checkCertificate(entry: RawEntry, session: Session, bus: Bus): Promise<void> {
  if (entry['certificate'] === undefined) return;
  const certificate = parseWith(deviceEntrySchema, entry['certificate']);
  const { public_key } = await bus.request(AUTH.profile, { user_id: session.user_id });
  const own = certificate.user_id === session.user_id && certificate.device === session.device;
  const key = parseKey(public_key).bytes;
  if (own && verifySigned(key, signingInput('DEVICE', certificate), certificate.signature)) return;
  throw invalidFormat('not the certificate of this device', 'entry.certificate');
}

/** 1002 `other_identity_key` when the user's account has another one, USER_NOT_FOUND when there is no such user. */
export async function requireIdentityKey(user_id: string, identityKey: unknown, bus: Bus): Promise<Profile> {
  const profile = await bus.request(AUTH.profile, { user_id });
  if (formatKey('ed25519', parseKey(profile.public_key).bytes) === identityKey) return profile;
  throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'other_identity_key', user_id });
}

function contentOf(entry: RawEntry): RawContent {
  const { content } = entry;
  return typeof content === 'object' && content !== null
    ? (content as RawContent)
    : { action: undefined, target: undefined, details: undefined };
}
