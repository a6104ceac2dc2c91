import { CHANNEL } from '@dcp/contracts';
import { joinChannel } from '@dcp/protocol';
import { command } from './command.js';

/** Becomes a member (again: no change) and hears the channel from now. */
export const joinChannelCommand = command({
  name: 'join_channel',
  schema: joinChannel,
  cost: 2,
  async run(caller, { channel }, { bus, directory, hub }) {
    const { channel_id } = await directory.resolve(channel);
    const joined = await bus.request(CHANNEL.join, { session: caller.session, channel_id });
    const room = await hub.open(channel_id, joined.name);
    const head = room.enter(caller);
    return { channel: joined.name, channel_id, seq: joined.seq, head, changed: joined.changed };
  },
});
