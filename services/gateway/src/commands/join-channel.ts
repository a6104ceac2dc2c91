import { joinChannel } from '@dcp/protocol';
import { changeAck } from '../channels/ack.js';
import { join } from '../channels/change-channel.js';
import { departuresOf, enterRoom } from '../channels/enter-room.js';
import { command } from './command.js';
import { requireMembership } from './membership.js';

/** Becomes a member (again: no change) and hears the channel from now. */
export const joinChannelCommand = command({
  name: 'join_channel',
  schema: joinChannel,
  cost: 2,
  async run(caller, { channel, entry }, tools) {
    const { channel_id } = await tools.directory.resolve(channel, caller.session.user_id);
    const since = departuresOf(caller.user);
    const joined = await join(caller.session, channel_id, entry, tools.bus);
    // The repetition of an old entry is answered for ever, also to somebody who was put out since.
    if (entry !== undefined && !joined.changed) await requireMembership(caller, channel_id, tools);
    const head = await enterRoom(caller, joined, since, tools);
    return { ...changeAck(joined, caller.session.user_id), head };
  },
});
