import { DcpError } from '@dcp/protocol';
import type { ChannelState } from './channel-chain.js';
import type { DeviceDirectory } from './device-directory.js';
import { liveDevices, type VerifiedLog } from './device-log.js';
import type { DeviceAddress } from './pair-sessions.js';

export interface Recipients {
  devices: DeviceAddress[];
  logs: Map<string, VerifiedLog>;
}

/**
 * Who may read what is sent now: every live device of every member of the verified state chain, the author's others included. Throws
 * CONFLICT `device_conflict` when a member's log or identity is not believed: then nothing is sent at all.
 */
export async function recipientsOf(
  state: ChannelState,
  own: DeviceAddress,
  directory: DeviceDirectory,
): Promise<Recipients> {
  const members = Object.keys(state.members);
  const logs = await directory.logs(members);
  const devices: DeviceAddress[] = [];
  for (const userId of members) {
    const log = logs.get(userId);
    if (log === undefined) await refuseConflict(directory, userId);
    else devices.push(...devicesOf(state, log, own));
  }
  return { devices, logs };
}

/** A member without a log has left the node (his account is gone), which is no conflict. */
async function refuseConflict(directory: DeviceDirectory, userId: string): Promise<void> {
  const reason = await directory.conflict(userId);
  if (reason !== undefined)
    throw new DcpError('CONFLICT', { reason: 'device_conflict', user_id: userId, fault: reason });
}

function devicesOf(state: ChannelState, log: VerifiedLog, own: DeviceAddress): DeviceAddress[] {
  const pinned = state.members[log.userId]?.identityKey ?? log.identityKey;
  if (pinned !== log.identityKey)
    throw new DcpError('CONFLICT', { reason: 'device_conflict', user_id: log.userId, fault: 'identity_changed' });
  return liveDevices(log)
    .map(({ id }) => ({ userId: log.userId, device: id }))
    .filter(({ userId, device }) => userId !== own.userId || device !== own.device);
}
