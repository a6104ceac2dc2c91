import { resolveChannelAlias, type DcpClient } from '@dcp/client-sdk';
import { CliError } from '../cli-error.js';
import { withClient, openClient, type Context } from '../context.js';
import { printable, table } from '../output.js';
import { USER_ID } from '@dcp/protocol';

/** `dcp channels [--mine]` */
export async function channelsCommand(context: Context, options: { mine?: boolean }): Promise<void> {
  const client = await openClient(context);
  if (options.mine === true) return await mineCommand(context, client);
  const channels = await client.listChannels();
  const rows = channels.map((channel) => [
    channel.id,
    String(channel.member_count),
    channel.encryption === 'node' ? 'readable by the node' : 'end-to-end',
    printable(channel.name),
  ]);
  context.output.result({ channels }, table([['CHANNEL', 'MEMBERS', 'ENCRYPTION', 'NAME'], ...rows]));
}

async function mineCommand(context: Context, client: DcpClient): Promise<void> {
  const channels = await client.myChannels();
  const rows = channels.map(({ id, visibility, encryption }) => [
    id,
    visibility,
    encryption === 'node' ? 'readable by the node' : 'end-to-end',
  ]);
  context.output.result({ channels }, table([['CHANNEL', 'KIND', 'ENCRYPTION'], ...rows]));
}

/** The name that the user wrote, his aliases resolved (§4.1), `#` added where the shell would have eaten it; `@user` for a DM. */
export async function channelName(context: Context, text: string): Promise<string> {
  const { preferences } = await context.profile.identity();
  const name = resolveChannelAlias(text, preferences);
  if (/^([#@]|ch_|dcp:)/.test(name)) return name;
  return USER_ID.test(name) ? `@${name}` : `#${name}`;
}

/** `dcp create CHANNEL [--private | --readable]` */
export async function createChannelCommand(
  context: Context,
  channel: string,
  options: { title?: string; description?: string; private?: boolean; readable?: boolean },
): Promise<void> {
  if (options.private === true && options.readable === true)
    throw new CliError('usage', 'A private channel is always encrypted: leave out --readable');
  const name = await channelName(context, channel);
  const description = options.description === undefined ? {} : { description: options.description };
  const title = options.title === undefined ? {} : { name: options.title };
  const mode = options.readable === true ? ({ encryption: 'node' } as const) : {};
  const created = await withClient(context, (client) =>
    options.private === true
      ? client.rooms.createPrivate(name, description)
      : client.create(name, { ...title, ...description, ...mode }),
  );
  const how = options.readable === true ? 'The node can read its messages.' : 'Its messages are encrypted end to end.';
  const next = options.private === true ? ` Invite somebody: dcp invite '${created.channel}' USER` : '';
  context.output.result(created, `Created ${created.channel}; you are its owner. ${how}${next}`);
}

export async function joinCommand(context: Context, channel: string, options: { via?: string }): Promise<void> {
  const name = await channelName(context, channel);
  const joined = await withClient(context, (client) => client.join(name, options));
  context.output.result(joined, `You are in ${joined.channel}. Try: dcp send '${joined.channel}' 'Hello'`);
}

export async function leaveCommand(context: Context, channel: string): Promise<void> {
  const name = await channelName(context, channel);
  await withClient(context, (client) => client.leave(name));
  context.output.result({ channel: name }, `You left ${name}.`);
}
