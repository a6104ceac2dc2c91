import { leaveChannel } from '@dcp/protocol';
import { changeAck } from '../channels/ack.js';
import { leave } from '../channels/change-channel.js';
import { command } from './command.js';

/** Ends the membership; every socket of the user stops hearing the channel. */
export const leaveChannelCommand = command({
  name: 'leave_channel',
  schema: leaveChannel,
  cost: 2,
  async run(caller, { channel, entry }, { bus, directory, hub, users }) {
    const { user_id } = caller.session;
    const { channel_id } = await directory.resolve(channel, user_id);
    const left = await leave(caller.session, channel_id, entry, bus);
    const room = hub.get(channel_id);
    const sockets = users.get(user_id)?.connections ?? [caller];
    // The repetition of an old entry says nothing about now.
    const isOut = entry === undefined || left.changed;
    if (room !== undefined && isOut) for (const socket of sockets) hub.leave(room, socket);
    return changeAck(left, user_id);
  },
});
