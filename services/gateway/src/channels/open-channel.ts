import { AUTH, CHANNEL, type Session, type StateChange } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { checkNewChannelName, type createChannel, DcpError, type Genesis, USER_ID, userMoved } from '@dcp/protocol';
import type { z } from 'zod';
import { type ChannelDirectory, dmOf } from '../posts/channel-directory.js';
import { checkAction, checkCertificate, checkIdentityKey, requireIdentityKey } from './state-entry.js';

export interface OpenTools {
  bus: Bus;
  directory: ChannelDirectory;
}

/** `create_channel` (§9): a public, private or group channel, or the DM with `@user-id`, which is opened when it is there already. */
export async function openChannel(
  session: Session,
  wish: z.output<typeof createChannel>,
  { bus, directory }: OpenTools,
): Promise<StateChange> {
  const { channel, encryption, name: title, description, genesis, signature, entry } = wish;
  if (channel.startsWith('@')) return await openDm(session, channel.slice(1), { bus, directory });
  if (genesis?.visibility !== 'group') checkNewChannelName(channel);
  if (entry !== undefined) {
    checkAction(entry, ['channel_created']);
    await checkIdentityKey(entry, session.user_id, bus);
    await checkCertificate(entry, session, bus);
  }
  await checkFounders(session, genesis, bus);
  const request = { session, name: channel, encryption, title, description, genesis, signature, entry };
  const created = await bus.request(CHANNEL.create, request);
  directory.learn(created);
  return created;
}

/** §9.2: one conversation of two. Somebody who wants no messages from others is not to be opened one with (§4.2). */
async function openDm(session: Session, other: string, { bus, directory }: OpenTools): Promise<StateChange> {
  if (!USER_ID.test(other)) throw new DcpError('INVALID_CHANNEL_NAME', { reason: 'user_id' });
  const isNew = other !== session.user_id && !(await isOpen(session.user_id, other, bus));
  if (isNew) await requireReachable(other, bus);
  const opened = await bus.request(CHANNEL.openDm, { session, user_id: other });
  directory.learn(opened);
  return opened;
}

async function isOpen(user_id: string, other: string, bus: Bus): Promise<boolean> {
  try {
    await bus.request(CHANNEL.membership, { user_id, channel_id: dmOf(user_id, other).channel_id });
    return true;
  } catch (error) {
    if (error instanceof DcpError && error.code === 'CHANNEL_NOT_FOUND') return false;
    throw error;
  }
}

/** USER_NOT_FOUND, with the record when he has moved, or 1002 `direct_messages_off`. */
async function requireReachable(user_id: string, bus: Bus): Promise<void> {
  const { allow_direct_messages, moved_to } = await bus.request(AUTH.settings, { user_id });
  if (moved_to !== undefined) throw userMoved(moved_to);
  if (allow_direct_messages) return;
  throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'direct_messages_off', user_id });
}

/** Members of a group DM are in it without being asked: as with a DM, each must allow it, and be who the genesis says. */
async function checkFounders(session: Session, genesis: Genesis | undefined, bus: Bus): Promise<void> {
  const others = (genesis?.members ?? []).filter(({ user_id }) => user_id !== session.user_id);
  for (const { user_id, identity_key } of others) {
    await requireReachable(user_id, bus);
    await requireIdentityKey(user_id, identity_key, bus);
  }
}
