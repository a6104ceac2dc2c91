import type { ChannelHome, DcpClient } from '@dcp/client-sdk';
import { asDcpError } from '@dcp/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.js';
import { withClient, type Context } from '../context.js';
import { table } from '../output.js';
import { channelName } from './channels.js';
import { inWords } from './home-words.js';

/** A new home fetches a long history in pieces: it is asked again for so long. */
const PATIENCE_MS = 120_000;
const PAUSE_MS = 1_000;

/** `dcp channel home CHANNEL` */
export async function channelHomeCommand(context: Context, channel: string): Promise<void> {
  const name = await channelName(context, channel);
  const home = await withClient(context, (client) => client.rooms.homes.of(name));
  const moves = home.handovers.map(({ handover: { from_node, to_node, issued } }) => [from_node, to_node, issued]);
  const history = moves.length === 0 ? '' : `\n${table([['FROM', 'TO', 'WHEN'], ...moves])}`;
  context.output.result(home, `The home of ${home.channel} is ${home.home_node}.${history}`);
}

/** `dcp channel move CHANNEL NODE` */
export async function moveChannelCommand(
  context: Context,
  channel: string,
  node: string,
  options: { via?: string },
): Promise<void> {
  const name = await channelName(context, channel);
  const home = await withClient(context, (client) => moved(client, name, node, options));
  const text =
    home.state === 'settled'
      ? `The home of ${home.channel} is ${home.home_node} now.`
      : `${home.channel} is on its way: ${home.home_node} will take it as soon as it can. What is posted meanwhile waits.`;
  context.output.result(home, text);
}

async function moved(client: DcpClient, name: string, node: string, options: { via?: string }): Promise<ChannelHome> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const home = await client.rooms.homes.handOver(name, node, options);
      if (home.home_node === node) return home;
      throw new CliError('not_taken', `${node} had agreed and then refused: ${name} is where it was`);
    } catch (error) {
      if (error instanceof CliError) throw error;
      const reason = String(asDcpError(error).details['reason']);
      if (reason !== 'behind' || performance.now() > end) throw inWords(error, name, node);
      await delay(PAUSE_MS);
    }
  }
}
