import { CHANNEL } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import type { Hub } from '../fanout/hub.js';
import type { ChannelDirectory } from '../posts/channel-directory.js';

/** A channel that moves to another node, or comes to this one, has another name here from then on. */
export function hearHomes(
  bus: Bus,
  hub: Hub,
  directory: ChannelDirectory,
  guard: (work: Promise<void>) => void,
): Subscription {
  return bus.subscribe(CHANNEL.homeMoved, ({ channel_id }) => {
    directory.forget(channel_id);
    guard(rename(channel_id, bus, hub));
  });
}

async function rename(channelId: string, bus: Bus, hub: Hub): Promise<void> {
  if (hub.get(channelId) === undefined) return;
  const { name } = await bus.request(CHANNEL.resolve, { name: channelId });
  const room = hub.get(channelId);
  if (room !== undefined) room.name = name;
}
