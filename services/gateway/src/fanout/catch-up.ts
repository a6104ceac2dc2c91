import { CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { MAX_RESUME_ENTRIES, type ServerEvent } from '@dcp/protocol';
import type { Connection } from '../sockets/connection.js';
import { textFrame } from '../sockets/frames.js';
import { departuresOf, stillMember } from '../channels/enter-room.js';
import { entryFrame, hiddenFrame } from './delivery.js';
import type { Room } from './room.js';

const REPLAY_PAGE = 200;

/**
 * Brings one connection from `after` to where its room stands and lets it in, in one loop turn: no gap, no repeat (profile §4).
 * Only entries up to the room's own `lastSeq` are replayed; everything later reaches the connection through the room.
 * When more was missed than `resume` replays, the client is told where to read on and hears the room from now.
 * `since` is `departuresOf` the user before his membership was asked for: if he was put out of anything meanwhile it is asked again.
 * Returns the `seq` after which the connection hears the room.
 */
export async function catchUp(
  bus: Bus,
  connection: Connection,
  room: Room,
  after: number,
  since: number,
): Promise<number> {
  let checked = await stillMember(bus, connection, room, since);
  if (room.lastSeq - after > MAX_RESUME_ENTRIES) return enterWithGap(connection, room, after);
  let at = after;
  while (!connection.closed) {
    while (at < room.lastSeq && !connection.closed) at = await replayPage(bus, connection, room, at);
    if (departuresOf(connection.user) === checked) break;
    checked = await stillMember(bus, connection, room, checked);
  }
  return connection.closed ? at : room.enter(connection);
}

function enterWithGap(connection: Connection, room: Room, after: number): number {
  const head = room.enter(connection);
  const event: ServerEvent = {
    event: 'resume_gap',
    data: { channel: room.nameFor(connection), channel_id: room.channelId, after, head },
  };
  connection.push(textFrame(JSON.stringify(event)));
  return head;
}

async function replayPage(bus: Bus, connection: Connection, room: Room, after: number): Promise<number> {
  const page = await bus.request(CHANNEL.range, {
    channel_id: room.channelId,
    after,
    limit: REPLAY_PAGE,
    user_id: connection.session?.user_id,
  });
  const known = page.entries.filter((entry) => entry.seq <= room.lastSeq);
  if (known.length === 0) return room.lastSeq;
  const blocked = connection.user?.blocked ?? null;
  const name = room.nameFor(connection);
  for (const entry of known) {
    const hidden = blocked?.has(entry.author) === true;
    connection.push(hidden ? hiddenFrame(entry.seq, room.channelId, name) : entryFrame(entry, room.channelId, name));
  }
  await connection.drained();
  return known.at(-1)?.seq ?? after;
}
