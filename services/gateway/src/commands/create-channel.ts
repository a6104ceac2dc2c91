import { createChannel } from '@dcp/protocol';
import { changeAck } from '../channels/ack.js';
import { departuresOf, enterRoom } from '../channels/enter-room.js';
import { openChannel } from '../channels/open-channel.js';
import { command } from './command.js';

/** Makes a channel (§9.1, §9.2) with the caller as its owner, or opens a DM. */
export const createChannelCommand = command({
  name: 'create_channel',
  schema: createChannel,
  cost: 10,
  async run(caller, wish, tools) {
    const since = departuresOf(caller.user);
    const created = await openChannel(caller.session, wish, tools);
    const head = await enterRoom(caller, created, since, tools);
    return { ...changeAck(created, caller.session.user_id), head };
  },
});
