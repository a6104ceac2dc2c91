import { CHANNEL, type Session, type StateChange } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import type { SystemAction } from '@dcp/protocol';
import { checkAction, checkCertificate, checkIdentityKey, type RawEntry } from './state-entry.js';

/** Submits an entry that its author signed, when it is what the command is for. */
export async function changeState(
  session: Session,
  channel_id: string,
  entry: RawEntry,
  actions: readonly SystemAction[],
  bus: Bus,
): Promise<StateChange> {
  checkAction(entry, actions);
  await checkIdentityKey(entry, session.user_id, bus);
  await checkCertificate(entry, session, bus);
  return await bus.request(CHANNEL.changeState, { session, channel_id, entry });
}

/** Joins: by a signed entry where the channel is `e2ee`, by the plain command elsewhere. */
export function join(
  session: Session,
  channel_id: string,
  entry: RawEntry | undefined,
  bus: Bus,
): Promise<StateChange> {
  if (entry === undefined) return bus.request(CHANNEL.join, { session, channel_id });
  return changeState(session, channel_id, entry, ['user_joined'], bus);
}

/** As `join`. */
export function leave(
  session: Session,
  channel_id: string,
  entry: RawEntry | undefined,
  bus: Bus,
): Promise<StateChange> {
  if (entry === undefined) return bus.request(CHANNEL.leave, { session, channel_id });
  return changeState(session, channel_id, entry, ['user_left'], bus);
}
