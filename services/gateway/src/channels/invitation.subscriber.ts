import { CHANNEL, type InvitationChanged } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { viewerName } from '@dcp/protocol';
import { sendEvent } from '../sockets/reply.js';
import type { LocalUsers } from '../users/local-users.js';

/** Tells the invited, on all his sockets here, that he may join a channel, or no longer may. */
export function hearInvitations(bus: Bus, users: LocalUsers): Subscription {
  return bus.subscribe(CHANNEL.invitationChanged, (change) => tell(users, change));
}

function tell(users: LocalUsers, { user_id, name, channel_id, by, change }: InvitationChanged): void {
  const channel = viewerName(name, user_id);
  for (const connection of users.get(user_id)?.connections ?? []) {
    sendEvent(connection, { event: 'invitation', data: { channel, channel_id, by, change } });
  }
}
