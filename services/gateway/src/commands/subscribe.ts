import { subscribeChannel } from '@dcp/protocol';
import { command } from './command.js';
import { requireMembership } from './membership.js';

/** Hears a channel that the user is in; `head` is the last `seq` before the first event. */
export const subscribeCommand = command({
  name: 'subscribe',
  schema: subscribeChannel,
  cost: 2,
  async run(caller, { channel }, tools) {
    const { channel_id, name } = await requireMembership(caller, channel, tools);
    const room = await tools.hub.open(channel_id, name);
    return { channel: name, channel_id, head: room.enter(caller) };
  },
});

/** Stops hearing a channel on this socket; the membership stays. */
export const unsubscribeCommand = command({
  name: 'unsubscribe',
  schema: subscribeChannel,
  cost: 1,
  async run(caller, { channel }, { directory, hub }) {
    const { channel_id, name } = await directory.resolve(channel);
    const room = hub.get(channel_id);
    if (room !== undefined) hub.leave(room, caller);
    return { channel: name, channel_id };
  },
});
