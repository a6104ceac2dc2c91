import { type DcpClient, isLink } from '@dcp/client-sdk';
import { CliError } from '../cli-error.js';
import { openClient, withClient, type Context } from '../context.js';
import { printable, table } from '../output.js';
import { channelName } from './channels.js';
import { parseDuration } from './duration.js';
import { channelIdOf, sendCommand } from './messages.js';

/** `dcp dm USER [TEXT…]`: the DM with somebody, made when there is none. */
export async function dmCommand(
  context: Context,
  user: string,
  words: string[],
  options: { markdown?: boolean; replyTo?: string },
): Promise<void> {
  const address = user.startsWith('@') || isLink(user) ? user : `@${user}`;
  if (words.length > 0) return await sendCommand(context, address, words, options);
  const dm = await withClient(context, (client) => client.rooms.openDm(bare(user)));
  const moved = dm.moves.length === 0 ? '' : `${bare(user)} has moved to ${dm.userId}. `;
  context.output.result(dm, `${moved}${dm.channel} is open. Write with: dcp dm ${bare(dm.channel)} 'Hello'`);
}

/** `dcp group USER USER…` */
export async function groupCommand(context: Context, users: string[]): Promise<void> {
  const group = await withClient(context, (client) => client.rooms.createGroup(users.map(bare)));
  context.output.result(group, `${group.channel} is made. Write with: dcp send '${group.channel}' 'Hello'`);
}

interface InviteOptions {
  link?: boolean;
  for: string;
  revokeLink?: string;
  withdraw?: boolean;
  shareHistory?: boolean;
}

/** `dcp invite CHANNEL USER`, `--withdraw`, `--share-history`, `--link`, `--revoke-link KEY` */
export async function inviteCommand(
  context: Context,
  channel: string,
  user: string | undefined,
  options: InviteOptions,
): Promise<void> {
  const name = await channelName(context, channel);
  await withClient(context, async (client) => {
    const channelId = await channelIdOf(client, name);
    if (options.link === true) return await makeLink(context, client, channelId, name, options.for);
    if (options.revokeLink !== undefined) {
      await client.rooms.revokeLink(channelId, options.revokeLink);
      return context.output.result({ revoked: options.revokeLink }, 'Nobody can come in by that link any more.');
    }
    if (user !== undefined && options.shareHistory === true) {
      const shared = await client.rooms.shareHistory(channelId, bare(user));
      const text = `${bare(user)} can read what was written in ${name} before (${shared} keys given).`;
      return context.output.result({ channel: name, user_id: bare(user), shared }, text);
    }
    if (user === undefined) throw new CliError('usage', 'Whom? dcp invite CHANNEL USER, or dcp invite CHANNEL --link');
    if (options.withdraw === true) await client.rooms.withdrawInvitation(channelId, bare(user));
    else await client.rooms.invite(channelId, bare(user));
    const done = options.withdraw === true ? 'is no longer invited to' : 'is invited to';
    context.output.result({ channel: name, user_id: bare(user) }, `${bare(user)} ${done} ${name}.`);
  });
}

async function makeLink(
  context: Context,
  client: DcpClient,
  channelId: string,
  name: string,
  life: string,
): Promise<void> {
  const link = await client.rooms.createLink(channelId, parseDuration(life) * 1000);
  const text = `Whoever has this link may join ${name} until ${link.expires}:\n${link.url}\nEnd it: dcp invite '${name}' --revoke-link ${link.key}`;
  context.output.result(link, text);
}

/** `dcp link [CHANNEL]`: what to send somebody who is to find one's channel, or oneself. */
export async function linkCommand(context: Context, channel: string | undefined): Promise<void> {
  const link = await withClient(context, async (client) => {
    if (channel === undefined) return client.rooms.contactLink();
    return client.rooms.channelLink(await channelIdOf(client, await channelName(context, channel)));
  });
  const use = channel === undefined ? `dcp dm '${link}' 'Hello'` : `dcp join '${link}'`;
  context.output.result({ link }, `${link}\nAt any node: ${use}`);
}

/** `dcp invitations [--decline CHANNEL]` */
export async function invitationsCommand(context: Context, options: { decline?: string }): Promise<void> {
  if (options.decline !== undefined) {
    const channelId = options.decline;
    await withClient(context, (client) => client.rooms.decline(channelId));
    return context.output.result({ declined: channelId }, 'Declined.');
  }
  const client = await openClient(context);
  const path = '/accounts/me/invitations';
  const { invitations } = await client.call<{ invitations: Awaited<ReturnType<DcpClient['rooms']['invitations']>> }>(
    path,
  );
  const rows = invitations.map((one) => [
    one.channel,
    one.invited_by,
    printable(one.title),
    one.channel.startsWith('@') ? `dcp dm ${one.invited_by}` : `dcp join ${one.channel_id}`,
  ]);
  const text = rows.length === 0 ? 'No invitations.' : table([['CHANNEL', 'BY', 'TITLE', 'JOIN WITH'], ...rows]);
  context.output.result({ invitations }, text);
}

/** `dcp kick CHANNEL USER`, `dcp ban CHANNEL USER [--lift]` */
export async function removeCommand(
  context: Context,
  how: 'kick' | 'ban' | 'unban',
  channel: string,
  user: string,
): Promise<void> {
  const name = await channelName(context, channel);
  await withClient(context, async (client) => client.rooms[how](await channelIdOf(client, name), bare(user)));
  const done = { kick: 'is out of', ban: 'is banned from', unban: 'may come back to' }[how];
  context.output.result({ channel: name, user_id: bare(user) }, `${bare(user)} ${done} ${name}.`);
}

/** `dcp members CHANNEL` */
export async function membersCommand(context: Context, channel: string): Promise<void> {
  const name = await channelName(context, channel);
  const members = await withClient(context, async (client) => client.rooms.members(await channelIdOf(client, name)));
  const rows = Object.entries(members).map(([user, { role }]) => [user, role]);
  context.output.result({ members }, table([['USER', 'ROLE'], ...rows]));
}

function bare(user: string): string {
  return user.startsWith('@') ? user.slice(1) : user;
}
