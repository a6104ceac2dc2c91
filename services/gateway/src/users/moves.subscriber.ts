import { AUTH, CHANNEL, type UserMoved } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import type { Hub } from '../fanout/hub.js';
import { push } from '../keys/device-events.subscriber.js';
import type { LocalUsers } from './local-users.js';

/**
 * Tells everybody here who shares a channel with a user, and himself, that he has moved. Lost news is no harm done: the record is in
 * every answer about him, too.
 */
export function hearMoves(bus: Bus, users: LocalUsers, hub: Hub, guard: (work: Promise<void>) => void): Subscription {
  return bus.subscribe(AUTH.userMoved, (event) => guard(tell(event, bus, users, hub)));
}

/** Once to every socket, in however many of the channels it is. */
async function tell({ user_id, moved_to }: UserMoved, bus: Bus, users: LocalUsers, hub: Hub): Promise<void> {
  if (users.size === 0) return;
  const { memberships } = await bus.request(CHANNEL.memberships, { user_id });
  const sockets = new Set(users.get(user_id)?.connections ?? []);
  for (const { channel_id } of memberships)
    for (const connection of hub.get(channel_id)?.connections ?? []) sockets.add(connection);
  push(sockets, { event: 'user_moved', data: { user_id, moved_to } });
}
