import { resolveUserAlias, type ChannelHome } from '@dcp/client-sdk';
import { asDcpError, type Mandate, quorumOf, USER_ID } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { withClient, type Context } from '../context.js';
import { channelName } from './channels.js';
import { inWords } from './home-words.js';

/** `dcp channel admins CHANNEL [USER…] [--none]` */
export async function channelAdminsCommand(
  context: Context,
  channel: string,
  users: string[],
  options: { none?: boolean },
): Promise<void> {
  if (options.none === true && users.length > 0)
    throw new CliError('usage', 'Either --none, or the users who are named');
  const name = await channelName(context, channel);
  if (options.none !== true && users.length === 0) return await showAdmins(context, name);
  const { preferences } = await context.profile.identity();
  const admins = users.map((user) => userId(resolveUserAlias(user, preferences)));
  const mandate = await withClient(context, (client) => client.rooms.homes.appoint(name, admins)).catch(
    (error: unknown) => {
      throw refused(error, name);
    },
  );
  context.output.result(shape(name, mandate), adminsText(name, mandate));
}

async function showAdmins(context: Context, name: string): Promise<void> {
  const home: ChannelHome = await withClient(context, (client) => client.rooms.homes.of(name));
  context.output.result(shape(home.channel, home.mandate), adminsText(home.channel, home.mandate));
}

function shape(channel: string, mandate: Mandate | undefined): object {
  const admins = mandate?.admins ?? [];
  return { channel, admins, needed: admins.length === 0 ? null : quorumOf({ admins }), mandate: mandate ?? null };
}

function adminsText(name: string, mandate: Mandate | undefined): string {
  const admins = mandate?.admins ?? [];
  if (admins.length === 0)
    return `Nobody is named: when the home of ${name} is lost, only its owner can let it go on elsewhere.`;
  const who = admins.length === 1 ? 'this member' : `${quorumOf({ admins })} of these ${admins.length} members`;
  return `When the home of ${name} is lost, ${who} can let it go on elsewhere, and nothing else:\n${admins.join('\n')}`;
}

function userId(text: string): string {
  const user = text.startsWith('@') ? text.slice(1) : text;
  if (USER_ID.test(user)) return user;
  throw new CliError('usage', `"${user}" is no user id, like n7x2m9p4.bob-2x1m`);
}

function refused(error: unknown, name: string): unknown {
  switch (asDcpError(error).details['reason']) {
    case 'not_the_owner':
      return new CliError('not_the_owner', `Only the owner of ${name} names its admins`);
    case 'old_mandate':
      return new CliError('old_mandate', `Others were named at the same moment. See: dcp channel admins '${name}'`);
    case 'somebody twice':
      return new CliError('usage', 'Somebody is named twice');
    default:
      return inWords(error, name, 'The node');
  }
}
