import type { DeliveredMessage, Genesis } from '@dcp/protocol';
import type { SealedDevice } from './sealed-device.js';
import type { Stay } from './sealed-record.js';

export type RoomKind = 'public' | 'private' | 'group' | 'dm';

export interface Room {
  kind: RoomKind;
  channelId: string;
  /** Names of users; the first one owns it and stays. */
  members: Set<string>;
  owner: string;
}

interface StatePage {
  genesis: Genesis | null;
  entries: DeliveredMessage[];
  has_more: boolean;
}

const GONE = new Set(['user_left', 'user_removed', 'user_banned']);

/** Who was in a channel when, out of its own log. */
export async function readStays(room: Room, owner: SealedDevice, userIdOf: (name: string) => string) {
  const stays = new Map<string, Stay[]>();
  const enter = (userId: string, from: number) =>
    stays.set(userId, [...(stays.get(userId) ?? []), { from, to: Infinity }]);
  if (room.kind === 'dm') for (const name of room.members) enter(userIdOf(name), 0);
  for (let after = 0, more = room.kind !== 'dm'; more;) {
    const page = (await owner.client.command('get_state', { channel: room.channelId, after })) as unknown as StatePage;
    for (const { content, author, node } of page.entries) {
      const { action, target } = content as { action: string; target: string };
      if (action === 'channel_created') for (const one of founders(page.genesis, author)) enter(one, node.seq);
      if (action === 'user_joined') enter(author, node.seq);
      const last = GONE.has(action) ? stays.get(target)?.at(-1) : undefined;
      if (last !== undefined) last.to = node.seq;
      after = node.seq;
    }
    more = page.has_more;
  }
  return stays;
}

function founders(genesis: Genesis | null, creator: string): Set<string> {
  return new Set([creator, ...(genesis?.members ?? []).map(({ user_id }) => user_id)]);
}
