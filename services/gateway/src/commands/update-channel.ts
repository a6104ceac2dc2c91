import { CHANNEL } from '@dcp/contracts';
import { updateChannel } from '@dcp/protocol';
import { changeAck } from '../channels/ack.js';
import { command } from './command.js';

/** Changes what `GET /channels` shows of a channel; its owner may. */
export const updateChannelCommand = command({
  name: 'update_channel',
  schema: updateChannel,
  cost: 5,
  async run(caller, { channel, name, description, mandate }, { bus, directory }) {
    const { channel_id } = await directory.resolve(channel, caller.session.user_id);
    const changed = await bus.request(CHANNEL.update, {
      session: caller.session,
      channel_id,
      title: name,
      description,
      mandate,
    });
    return changeAck(changed, caller.session.user_id);
  },
});
