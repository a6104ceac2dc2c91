import { CHANNEL, type PostRefused } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { viewerName } from '@dcp/protocol';
import type { Connection } from '../sockets/connection.js';
import { sendEvent } from '../sockets/reply.js';
import type { LocalUsers } from '../users/local-users.js';

/** Tells authors, on all their sockets here, that a post which had waited for another node came to nothing (profile §4). */
export function hearRefusals(bus: Bus, users: LocalUsers): Subscription {
  return bus.subscribe(CHANNEL.postRefused, (refused) => tell(users, refused));
}

function tell(users: LocalUsers, refused: PostRefused): void {
  for (const connection of users.get(refused.user_id)?.connections ?? []) tellRefusal(connection, refused);
}

/** What he missed while he was away; he takes note with `ack_status`. */
export async function tellRefusals(bus: Bus, connection: Connection, user_id: string): Promise<void> {
  const { refusals } = await bus.request(CHANNEL.refusals, { user_id });
  for (const refused of refusals) tellRefusal(connection, refused);
}

function tellRefusal(connection: Connection, { user_id, name, channel_id, message_id, error }: PostRefused): void {
  const data = { channel: viewerName(name, user_id), channel_id, message_id, state: 'refused' as const, error };
  sendEvent(connection, { event: 'message_status', data });
}
