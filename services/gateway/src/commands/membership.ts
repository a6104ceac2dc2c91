import { CHANNEL } from '@dcp/contracts';
import type { KnownChannel } from '../posts/channel-directory.js';
import type { Caller, CommandTools } from './command.js';

/** The channel, when the caller is in it; a socket that hears the channel has proved that already. 1002 or 2002 otherwise. */
export async function requireMembership(
  caller: Caller,
  reference: string,
  { bus, directory, hub }: CommandTools,
): Promise<KnownChannel> {
  const channel = await directory.resolve(reference, caller.session.user_id);
  if (hub.get(channel.channel_id)?.connections.has(caller) === true) return channel;
  await bus.request(CHANNEL.membership, { user_id: caller.session.user_id, channel_id: channel.channel_id });
  return channel;
}
