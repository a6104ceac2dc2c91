import { CHANNEL, type PostRefused } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { viewerName } from '@dcp/protocol';
import { sendEvent } from '../sockets/reply.js';
import type { LocalUsers } from '../users/local-users.js';

/** Tells authors, on all their sockets here, that a post which had waited for another node came to nothing (profile §4). */
export function hearRefusals(bus: Bus, users: LocalUsers): Subscription {
  return bus.subscribe(CHANNEL.postRefused, (refused) => tell(users, refused));
}

function tell(users: LocalUsers, { user_id, name, channel_id, message_id, error }: PostRefused): void {
  const data = { channel: viewerName(name, user_id), channel_id, message_id, state: 'refused' as const, error };
  for (const connection of users.get(user_id)?.connections ?? [])
    sendEvent(connection, { event: 'message_status', data });
}
