import { CHANNEL } from '@dcp/contracts';
import { asDcpError, resume } from '@dcp/protocol';
import { departuresOf } from '../channels/enter-room.js';
import { catchUp } from '../fanout/catch-up.js';
import { command, type Caller, type CommandTools } from './command.js';

/** Channels that are replayed to one socket at the same time. */
const PARALLEL = 4;

/**
 * After a reconnect: everything that was missed, in order, then live (profile §4). Membership is checked again; channels that the
 * user is no longer in come back in `refused` with their error code.
 */
export const resumeCommand = command({
  name: 'resume',
  schema: resume,
  cost: 5,
  async run(caller, { channels }, tools) {
    const heads: Record<string, number> = {};
    const refused: Record<string, string> = {};
    const todo = Object.entries(channels);
    const work = async () => {
      for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
        const [channelId, after] = next;
        try {
          heads[channelId] = await resumeChannel(caller, channelId, after, tools);
        } catch (error) {
          refused[channelId] = asDcpError(error).code;
        }
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return { channels: heads, refused };
  },
});

async function resumeChannel(caller: Caller, channelId: string, after: number, tools: CommandTools): Promise<number> {
  const { bus, hub } = tools;
  const since = departuresOf(caller.user);
  const membership = await bus.request(CHANNEL.membership, { user_id: caller.session.user_id, channel_id: channelId });
  tools.directory.learn(membership);
  const room = await hub.open(channelId, membership.name);
  hub.leave(room, caller);
  return await catchUp(bus, caller, room, Math.min(after, room.lastSeq), since);
}
