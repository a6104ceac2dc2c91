import type { ChannelHome, DcpClient, HomeSurvey } from '@dcp/client-sdk';
import { asDcpError } from '@dcp/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.js';
import { withClient, type Context } from '../context.js';
import { table } from '../output.js';
import { channelName } from './channels.js';

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

/** `dcp channel replace-home CHANNEL [NODE]` */
export async function replaceHomeCommand(
  context: Context,
  channel: string,
  node: string | undefined,
  options: { via?: string; confirm?: boolean },
): Promise<void> {
  const name = await channelName(context, channel);
  if (options.confirm !== true) {
    const survey = await withClient(context, (client) => client.rooms.homes.survey(name));
    return context.output.result(survey, shown(survey, name));
  }
  const home = await withClient(context, (client) => client.rooms.homes.replace(name, node, options)).catch(
    (error: unknown) => {
      throw inWords(error, String(asDcpError(error).details['reason']), name, node ?? 'The node');
    },
  );
  context.output.result(home, `${home.channel} goes on at ${home.home_node}.`);
}

function shown({ home_node, home_answers, nodes }: HomeSurvey, name: string): string {
  const rows = nodes.map((node) =>
    'error' in node ? [node.node_id, '-', node.error] : [node.node_id, `${node.first_seq}`, `${node.last_seq}`],
  );
  const next = home_answers
    ? `${home_node} answers: it is not lost. To move the channel: dcp channel move`
    : `${home_node} does not answer. If it is lost for good: dcp channel replace-home '${name}' --confirm`;
  return `${table([['NODE', 'FROM', 'TO'], ...rows])}\n${next}`;
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
      if (reason !== 'behind' || performance.now() > end) throw inWords(error, reason, name, node);
      await delay(PAUSE_MS);
    }
  }
}

function inWords(error: unknown, reason: string, name: string, node: string): unknown {
  switch (reason) {
    case 'behind':
      return new CliError(reason, `${node} still fetches the history of ${name}. Nothing has changed: try again later`);
    case 'no_member':
      return new CliError(reason, `Nobody of ${node} is a member of ${name}: somebody there has to join it first`);
    case 'name_taken':
      return new CliError(reason, `${node} has another channel of that name`);
    case 'home_answers':
      return new CliError(reason, `The home of ${name} answers: it is not lost. To move it: dcp channel move`);
    case 'too_far_behind':
      return new CliError(reason, `${node} lacks too much of ${name}: name the node that has most, or none`);
    case 'another_end':
      return new CliError(reason, `${node} has got more of ${name} meanwhile: try again`);
    case 'not_the_owner':
    case 'handover_author':
      return new CliError(reason, `Only the owner of ${name} can move it`);
    case 'dm':
      return new CliError(reason, 'A direct message has its home at the node of one of the two, and stays there');
    default:
      return error;
  }
}
