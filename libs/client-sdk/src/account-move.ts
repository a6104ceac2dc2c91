import { signDigest } from '@dcp/crypto';
import {
  asDcpError,
  checkMove,
  DcpError,
  type MovedTo,
  moveSigningInput,
  parseUserId,
  type Visibility,
} from '@dcp/protocol';
import type { DcpClient } from './client.js';
import type { MyChannel } from './client-types.js';
import { isSameKey, verify } from './e2ee/user-moves.js';
import type { OpenIdentity } from './identity/identity-file.js';
import type { Joined } from './rooms.js';

export interface AccountMove {
  /** Both accounts, opened: each signs the record. */
  from: OpenIdentity;
  to: OpenIdentity;
  /** A connected client of the new account: it joins the channels. */
  next: DcpClient;
  /** Where others find the new node; default: the host that `next` is connected to. */
  via?: string;
}

/** A channel of the old account that the new one is not in. */
export interface LeftBehind {
  channelId: string;
  /** As the old account sees it. */
  channel: string;
  visibility: Visibility;
}

export interface Rejoined {
  /** The new account is in them, as a simple member. */
  joined: Joined[];
  /** Private channels and groups: a member has to invite the new account. */
  needInvitation: LeftBehind[];
  /** Public ones that could not be joined now, and why; `rejoinChannels` may be called again. */
  failed: (LeftBehind & { error: DcpError })[];
  /** With whom the old account has DMs: who follows opens a new one. */
  contacts: string[];
}

export interface MovedAccount extends Rejoined {
  record: MovedTo;
  /** When the old account ends. */
  until: string;
}

/** The record of a move (TYPE MOVE), signed by both accounts. */
export function signMove(from: OpenIdentity, to: OpenIdentity, via: string, now = Date.now()): MovedTo {
  const object = {
    user_id: from.file.identity.full_id,
    to: to.file.identity.full_id,
    identity_key: to.file.identity.public_key,
    via,
    issued: new Date(now).toISOString(),
  };
  const preimage = moveSigningInput(object);
  const record = { ...object, accepted: signDigest(to.seed, preimage), signature: signDigest(from.seed, preimage) };
  const { full_id: userId, public_key: identityKey } = from.file.identity;
  const checked = checkMove(record, { userId, identityKey, now, verify });
  if (typeof checked === 'string') throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: checked, path: 'moved_to' });
  return checked;
}

/** Moves the account of `client`: see `DcpClient.moveAccount`. */
export async function moveAccount(client: DcpClient, { from, to, next, via }: AccountMove): Promise<MovedAccount> {
  if (from.file.identity.full_id !== client.userId || to.file.identity.full_id !== next.userId)
    throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'the identities are not those of the two clients' });
  await requireRegistered(to, next);
  const moved_to = signMove(from, to, via ?? new URL(next.endpoint).host);
  const { until } = await client.call<{ until: string }>('/accounts/me/move', { method: 'POST', body: { moved_to } });
  return { record: moved_to, until, ...(await rejoinChannels(client, next)) };
}

/** Who follows compares the key: an account that is registered with another one would be followed by nobody. */
async function requireRegistered({ file }: OpenIdentity, next: DcpClient): Promise<void> {
  const { public_key } = await next.call<{ public_key: string }>('/accounts/me');
  if (isSameKey(public_key, file.identity.public_key)) return;
  throw new DcpError('CONFLICT', { reason: 'other_identity_key', user_id: next.userId });
}

/** Lets the new account join what everybody may join, and tells what is left. May be repeated. */
export async function rejoinChannels(client: DcpClient, next: DcpClient): Promise<Rejoined> {
  const result: Rejoined = { joined: [], needInvitation: [], failed: [], contacts: [] };
  // A node that has met the old one already may not reach it by this name.
  await next.rooms.meet(new URL(client.endpoint).host).catch(() => undefined);
  const [mine, theirs] = await Promise.all([client.myChannels(), next.myChannels()]);
  const already = new Set(theirs.map(({ channel_id }) => channel_id));
  for (const channel of mine) {
    if (channel.visibility === 'dm') result.contacts.push(channel.id.slice(1));
    else if (!already.has(channel.channel_id)) await rejoin(channel, client, next, result);
  }
  return result;
}

async function rejoin(channel: MyChannel, client: DcpClient, next: DcpClient, result: Rejoined): Promise<void> {
  const { channel_id: channelId, id, visibility } = channel;
  const left = { channelId, channel: id, visibility };
  if (visibility !== 'public') return void result.needInvitation.push(left);
  try {
    result.joined.push(await next.join(referenceFor(channel, client, next)));
  } catch (error) {
    result.failed.push({ ...left, error: asDcpError(error) });
  }
}

/** `#name@node` names the channel's home; `#name` is at home at the old account's node. */
function referenceFor({ channel_id, id }: MyChannel, client: DcpClient, next: DcpClient): string {
  const home = id.split('@')[1] ?? parseUserId(client.userId).nodeId;
  return home === parseUserId(next.userId).nodeId ? channel_id : `${channel_id}@${home}`;
}
