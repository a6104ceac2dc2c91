import { subscribeChannel, viewerName } from '@dcp/protocol';
import { departuresOf, enterRoom } from '../channels/enter-room.js';
import { command } from './command.js';
import { requireMembership } from './membership.js';

/** Hears a channel that the user is in; `head` is the last `seq` before the first event. */
export const subscribeCommand = command({
  name: 'subscribe',
  schema: subscribeChannel,
  cost: 2,
  async run(caller, { channel }, tools) {
    const since = departuresOf(caller.user);
    const known = await requireMembership(caller, channel, tools);
    const head = await enterRoom(caller, known, since, tools);
    const { channel_id, name, encryption, visibility } = known;
    return { channel: viewerName(name, caller.session.user_id), channel_id, head, encryption, visibility };
  },
});

/** Stops hearing a channel on this socket; the membership stays. */
export const unsubscribeCommand = command({
  name: 'unsubscribe',
  schema: subscribeChannel,
  cost: 1,
  async run(caller, { channel }, tools) {
    const { channel_id, name, visibility } = await tools.directory.resolve(channel, caller.session.user_id);
    // Names of channels that are not public are for members only.
    if (visibility !== 'public') await requireMembership(caller, channel_id, tools);
    const room = tools.hub.get(channel_id);
    if (room !== undefined) tools.hub.leave(room, caller);
    return { channel: viewerName(name, caller.session.user_id), channel_id };
  },
});
