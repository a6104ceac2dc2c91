import { at, GATEWAY } from '@dcp/contracts';
import { typing } from '@dcp/protocol';
import { command } from './command.js';
import { requireMembership } from './membership.js';

/** Tells the others in a channel that the user types (§7.2). Too frequent ones are dropped in silence: the next one will do. */
export const typingCommand = command({
  name: 'typing',
  schema: typing,
  cost: 1,
  async run(caller, { channel, typing }, tools) {
    const { channel_id } = await requireMembership(caller, channel, tools);
    const { user_id } = caller.session;
    if (!typing || tools.limits.mayType(user_id, channel_id)) {
      tools.bus.publish(at(GATEWAY.typing, channel_id), { channel_id, user_id, typing });
    }
    return {};
  },
});
