import { CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import type { Hub } from '../fanout/hub.js';
import type { Room } from '../fanout/room.js';
import type { Connection } from '../sockets/connection.js';
import type { LocalUser } from '../users/local-user.js';

/** How often the user has left something so far: compare it later. */
export function departuresOf(user: LocalUser | null): number {
  return user?.departures ?? 0;
}

/**
 * Whoever was put out of a channel must not come in by an answer that was on its way: if the user has left anything since `since` was
 * read, his membership is asked for again. Returns the number to compare next. Throws as `CHANNEL.membership` does.
 */
export async function stillMember(
  bus: Bus,
  { user }: Pick<Connection, 'user'>,
  { channelId }: Pick<Room, 'channelId'>,
  since: number,
): Promise<number> {
  while (user !== null && user.departures !== since) {
    since = user.departures;
    await bus.request(CHANNEL.membership, { user_id: user.userId, channel_id: channelId });
  }
  return since;
}

/** The room of a channel that the user was in when `since` was read, and still is. */
export async function roomOfMember(
  user: LocalUser | null,
  channel: { channel_id: string; name: string },
  since: number,
  { bus, hub }: { bus: Bus; hub: Hub },
): Promise<Room> {
  const room = await hub.open(channel.channel_id, channel.name);
  await stillMember(bus, { user }, room, since);
  return room;
}

/** As `roomOfMember`, and the connection hears it from now. Returns the last `seq` before that. */
export async function enterRoom(
  caller: Connection,
  channel: { channel_id: string; name: string },
  since: number,
  tools: { bus: Bus; hub: Hub },
): Promise<number> {
  return (await roomOfMember(caller.user, channel, since, tools)).enter(caller);
}
