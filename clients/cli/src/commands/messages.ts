import { readFileSync } from 'node:fs';
import { type DcpClient, isLink, parseLink } from '@dcp/client-sdk';
import { asDcpError } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { connectOrFail, openClient, withClient, type Context } from '../context.js';
import { messageLine, printable, shortUser } from '../output.js';
import { channelName } from './channels.js';

/**
 * The lasting id of a channel: what messages are addressed to. A DM is made when there is none, with who somebody is now when he has
 * moved; `tell` hears of that.
 */
export async function channelIdOf(
  client: DcpClient,
  name: string,
  tell: (text: string) => void = () => undefined,
): Promise<string> {
  if (isLink(name)) return await linkedChannel(client, name);
  if (!name.startsWith('@')) return await existingChannel(client, name);
  const dm = await client.rooms.openDm(name.slice(1));
  if (dm.moves.length > 0) tell(`-- ${name.slice(1)} has moved to ${dm.userId}`);
  return dm.channelId;
}

async function existingChannel(client: DcpClient, name: string): Promise<string> {
  const { channel_id } = await client.call<{ channel_id: string }>(`/channels/${encodeURIComponent(name)}`);
  return channel_id;
}

/** What was written with somebody stays where it was, wherever he has moved. */
export async function channelToRead(client: DcpClient, name: string): Promise<string> {
  try {
    return isLink(name) ? await channelIdOf(client, name) : await existingChannel(client, name);
  } catch (error) {
    if (asDcpError(error).code !== 'CHANNEL_NOT_FOUND' || !name.startsWith('@')) throw error;
    return await channelIdOf(client, name);
  }
}

/** A contact's link opens the DM with him. */
async function linkedChannel(client: DcpClient, text: string): Promise<string> {
  const link = parseLink(text);
  return link.kind === 'channel' ? link.channelId : (await client.rooms.openDm(text)).channelId;
}

interface SendOptions {
  markdown?: boolean;
  replyTo?: string;
}

/** `dcp send CHANNEL TEXT` (`-`: from standard input); `dcp dm USER TEXT` is the same for a DM. */
export async function sendCommand(
  context: Context,
  channel: string,
  words: string[],
  options: SendOptions,
): Promise<void> {
  const name = await channelName(context, channel);
  const text = words.length === 1 && words[0] === '-' ? readFileSync(0, 'utf8').trimEnd() : words.join(' ');
  if (text === '') throw new CliError('usage', 'There is nothing to send');
  const ack = await withClient(context, async (client) => {
    const draft = {
      text,
      format: options.markdown === true ? ('markdown' as const) : ('plain' as const),
      replyTo: options.replyTo ?? null,
    };
    const channelId = await channelIdOf(client, name, (told) => context.output.note(told));
    return await client.sendAndWait(channelId, draft);
  });
  const place = shownPlace(name);
  const said =
    ack.state === 'queued'
      ? `Waiting (${ack.message_id}): the home node of ${place} cannot be reached now. Your node sends it when it can.`
      : `Sent (${ack.message_id}, number ${ack.seq} in ${place}).`;
  context.output.result(ack, said);
}

/** A contact's link is his address. */
function shownPlace(name: string): string {
  if (!isLink(name)) return name;
  const link = parseLink(name);
  return link.kind === 'user' ? `@${link.userId}` : link.channelId;
}

/** `dcp history CHANNEL`, oldest first */
export async function historyCommand(
  context: Context,
  channel: string,
  options: { limit: string; before?: string },
): Promise<void> {
  const name = await channelName(context, channel);
  const before = options.before === undefined ? {} : { before: options.before };
  const { userId, ...page } = await withClient(context, async (client) => {
    const read = await client.history(await channelToRead(client, name), { limit: Number(options.limit), ...before });
    return { ...read, userId: client.userId };
  });
  const more = page.next_cursor === null ? '' : `\n(older: dcp history '${name}' --before ${page.next_cursor})`;
  context.output.result(page, page.messages.map((message) => messageLine(message, userId)).join('\n') + more);
}

/** `dcp search WORDS`: what this device has read and written, encrypted channels included; needs no network. */
export async function searchCommand(context: Context, words: string[], options: { limit: string }): Promise<void> {
  const client = await openClient(context);
  const found = await client.search(words.join(' '), { limit: Number(options.limit) });
  await context.profile.close();
  const lines = found.map(({ timestamp, author, content }) => {
    return `${timestamp.slice(0, 16).replace('T', ' ')} ${shortUser(author, client.userId)}: ${printable(String(content['text'] ?? ''))}`;
  });
  context.output.result({ found }, lines.length === 0 ? 'Nothing found on this device.' : lines.join('\n'));
}

/** `dcp tail CHANNEL…`: shows messages as they come, until Ctrl-C or `--count` messages. */
export async function tailCommand(context: Context, channels: string[], options: { count?: string }): Promise<void> {
  const { output } = context;
  const wanted = new Set(await Promise.all(channels.map((channel) => channelName(context, channel))));
  const client = await openClient(context);
  warn(client, context);
  let left = options.count === undefined ? Infinity : Number(options.count);
  const done = new Promise<void>((resolve, reject) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    client.events.on('ended', ({ error }) => reject(error));
    client.events.on('message', ({ channel, message, undecryptable }) => {
      if (left <= 0 || (wanted.size > 0 && !wanted.has(channel))) return;
      output.result(
        message,
        messageLine({ ...message, ...(undecryptable === undefined ? {} : { undecryptable }) }, client.userId),
      );
      if (--left <= 0) resolve();
    });
    client.events.on('decrypted', ({ message }) => output.result(message, messageLine(message, client.userId)));
  });
  client.events.on('state', (state) => output.note(`-- ${state}`));
  try {
    await Promise.race([connectOrFail(client).then(() => done), done]);
  } finally {
    await client.disconnect();
    await context.profile.close();
  }
}

/** What a person should know of while he listens. */
function warn(client: DcpClient, { output }: Context): void {
  client.events.on('deviceConflict', ({ userId, reason }) =>
    output.note(
      `!! The devices or the identity of ${userId} are not what they were (${reason}). See: dcp verify ${userId}`,
    ),
  );
  client.events.on('channelConflict', ({ channelId, reason }) =>
    output.note(`!! The node shows a membership of ${channelId} that nobody signed (${reason}).`),
  );
  client.events.on('headMismatch', ({ userId, seenBy }) =>
    output.note(`!! ${seenBy} sees other devices of ${userId} than you do: the node may be showing two lists.`),
  );
  client.events.on('userMoved', ({ userId, to }) => output.note(`-- ${userId} has moved to ${to}: dcp dm ${to}`));
  client.events.on('moveRefused', ({ userId, reason }) =>
    output.note(`!! The node says that ${userId} has moved, which is not to be believed (${reason}).`),
  );
  client.events.on('invitation', ({ channel, channel_id, by, change }) => {
    if (change === 'invited') output.note(`-- ${by} invites you to ${channel}: dcp join ${channel_id}`);
  });
}
