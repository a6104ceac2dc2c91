import { CHANNEL } from '@dcp/contracts';
import { checkNewChannelName, createChannel } from '@dcp/protocol';
import { command } from './command.js';

/** Makes a public channel (§9.1, §9.2) with the caller as its owner. */
export const createChannelCommand = command({
  name: 'create_channel',
  schema: createChannel,
  cost: 10,
  async run(caller, { channel, encryption, name, description, genesis, signature }, { bus, directory, hub }) {
    checkNewChannelName(channel);
    const request = {
      session: caller.session,
      name: channel,
      encryption,
      title: name,
      description,
      genesis,
      signature,
    };
    const created = await bus.request(CHANNEL.create, request);
    directory.learn(created);
    const room = await hub.open(created.channel_id, created.name);
    room.enter(caller);
    return { channel: created.name, channel_id: created.channel_id, seq: created.seq };
  },
});
