import { readFileSync } from 'node:fs';
import type { DcpClient } from '@dcp/client-sdk';
import { CliError } from '../cli-error.js';
import { openClient, withClient, type Context } from '../context.js';
import { messageLine } from '../output.js';
import { channelName } from './channels.js';

/** The lasting id of a channel: what messages are addressed to. */
async function channelIdOf(client: DcpClient, name: string): Promise<string> {
  const { channel_id } = await client.call<{ channel_id: string }>(`/channels/${encodeURIComponent(name)}`);
  return channel_id;
}

/** `dcp send CHANNEL TEXT` (`-`: from standard input) */
export async function sendCommand(
  context: Context,
  channel: string,
  words: string[],
  options: { markdown?: boolean; replyTo?: string },
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
    return await client.sendAndWait(await channelIdOf(client, name), draft);
  });
  context.output.result(ack, `Sent (${ack.message_id}, number ${ack.seq} in ${name}).`);
}

/** `dcp history CHANNEL`, oldest first */
export async function historyCommand(
  context: Context,
  channel: string,
  options: { limit: string; before?: string },
): Promise<void> {
  const name = await channelName(context, channel);
  const client = await openClient(context);
  const before = options.before === undefined ? {} : { before: options.before };
  const page = await client.history(name, { limit: Number(options.limit), ...before });
  const more = page.next_cursor === null ? '' : `\n(older: dcp history '${name}' --before ${page.next_cursor})`;
  context.output.result(page, page.messages.map(messageLine).join('\n') + more);
}

/** `dcp tail CHANNEL…`: shows messages as they come, until Ctrl-C or `--count` messages. */
export async function tailCommand(context: Context, channels: string[], options: { count?: string }): Promise<void> {
  const { output } = context;
  const wanted = new Set(await Promise.all(channels.map((channel) => channelName(context, channel))));
  const client = await openClient(context);
  let left = options.count === undefined ? Infinity : Number(options.count);
  const done = new Promise<void>((resolve, reject) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    client.events.on('ended', ({ error }) => reject(error));
    client.events.on('message', ({ channel, message }) => {
      if (left <= 0 || (wanted.size > 0 && !wanted.has(channel))) return;
      output.result(message, messageLine(message));
      if (--left <= 0) resolve();
    });
  });
  client.events.on('state', (state) => output.note(`-- ${state}`));
  await Promise.race([client.connect().then(() => done), done]);
  await client.disconnect();
}
