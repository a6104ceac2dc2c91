import { resolveChannelAlias } from '@dcp/client-sdk';
import { withClient, openClient, type Context } from '../context.js';
import { printable, table } from '../output.js';

/** `dcp channels` */
export async function channelsCommand(context: Context): Promise<void> {
  const client = await openClient(context);
  const channels = await client.listChannels();
  const rows = channels.map((channel) => [
    channel.id,
    String(channel.member_count),
    channel.encryption === 'node' ? 'readable by the node' : 'end-to-end',
    printable(channel.name),
  ]);
  context.output.result({ channels }, table([['CHANNEL', 'MEMBERS', 'ENCRYPTION', 'NAME'], ...rows]));
}

/** The name that the user wrote, his aliases resolved (§4.1), `#` added where the shell would have eaten it. */
export async function channelName(context: Context, text: string): Promise<string> {
  const { preferences } = await context.profile.identity();
  const name = resolveChannelAlias(text, preferences);
  return name.startsWith('#') || name.startsWith('ch_') ? name : `#${name}`;
}

export async function createChannelCommand(
  context: Context,
  channel: string,
  options: { title?: string; description?: string },
): Promise<void> {
  const name = await channelName(context, channel);
  const more = {
    ...(options.title === undefined ? {} : { name: options.title }),
    ...(options.description === undefined ? {} : { description: options.description }),
  };
  const created = await withClient(context, (client) => client.create(name, more));
  context.output.result(
    created,
    `Created ${created.channel}; you are its owner. Its messages are readable by the node.`,
  );
}

export async function joinCommand(context: Context, channel: string): Promise<void> {
  const name = await channelName(context, channel);
  const joined = await withClient(context, (client) => client.join(name));
  context.output.result(joined, `You are in ${joined.channel}. Try: dcp send '${joined.channel}' 'Hello'`);
}

export async function leaveCommand(context: Context, channel: string): Promise<void> {
  const name = await channelName(context, channel);
  await withClient(context, (client) => client.leave(name));
  context.output.result({ channel: name }, `You left ${name}.`);
}
