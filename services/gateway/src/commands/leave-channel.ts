import { CHANNEL } from '@dcp/contracts';
import { leaveChannel } from '@dcp/protocol';
import { command } from './command.js';

/** Ends the membership; every socket of the user stops hearing the channel. */
export const leaveChannelCommand = command({
  name: 'leave_channel',
  schema: leaveChannel,
  cost: 2,
  async run(caller, { channel }, { bus, directory, hub, users }) {
    const { channel_id } = await directory.resolve(channel);
    const left = await bus.request(CHANNEL.leave, { session: caller.session, channel_id });
    const room = hub.get(channel_id);
    const sockets = users.get(caller.session.user_id)?.connections ?? [caller];
    if (room !== undefined) for (const socket of sockets) hub.leave(room, socket);
    return { channel: left.name, channel_id, seq: left.seq, changed: left.changed };
  },
});
