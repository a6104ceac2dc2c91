import { parseProposal, type Proposal } from '@dcp/client-sdk';
import { quorumOf } from '@dcp/protocol';
import { withClient, type Context } from '../context.js';
import { printable, table } from '../output.js';
import { channelName } from './channels.js';
import { inWords } from './home-words.js';
import { fromLine, toLine } from './lines.js';

/** `dcp channel propose-home CHANNEL [NODE]`. Standard output is the line and nothing else. */
export async function proposeHomeCommand(
  context: Context,
  channel: string,
  node: string | undefined,
  options: { via?: string },
): Promise<void> {
  const name = await channelName(context, channel);
  const proposal = await withClient(context, (client) => client.rooms.homes.propose(name, node, options)).catch(
    (error: unknown) => {
      throw inWords(error, name, node ?? 'The node');
    },
  );
  const line = toLine(proposal);
  context.output.note(`${proposalText(proposal, name)}\n\n${nextSteps(proposal, name)}`);
  context.output.result({ proposal: line, handover: proposal, needed: quorumOf(proposal.mandate) }, line);
}

/** `dcp channel agree-home PROPOSAL [--confirm]` (`-`: from standard input) */
export async function agreeHomeCommand(context: Context, line: string, options: { confirm?: boolean }): Promise<void> {
  const proposal = proposalOf(line);
  const { channel_id: channelId, to_node: node, author } = proposal;
  await withClient(context, async (client) => {
    const { channel } = await client.rooms.homes.of(channelId);
    const text = proposalText(proposal, channel);
    if (options.confirm !== true) {
      const next = 'Nothing has been signed. If that home is lost for good, and you agree: the same with --confirm';
      return context.output.result({ channel, handover: proposal }, `${text}\n\n${next}`);
    }
    const consent = await client.rooms.homes.agree(proposal).catch((error: unknown) => {
      throw inWords(error, channel, node);
    });
    context.output.note(`${text}\n\nYou have signed it. Send this line to ${author}:`);
    context.output.result({ consent: toLine(consent), signature: consent }, toLine(consent));
  });
}

/** A line of `propose-home`. */
export function proposalOf(line: string): Proposal {
  return fromLine(line, 'a proposal', parseProposal);
}

function proposalText(proposal: Proposal, name: string): string {
  const { channel_id, from_node, to_node, via, last_seq, author, issued, mandate } = proposal;
  const found = via === undefined ? '' : `, found at ${printable(via)}`;
  return table([
    ['CHANNEL', `${name} (${channel_id})`],
    ['LOST', from_node],
    ['GOES ON AT', `${to_node}${found}`],
    ['KEPT', `what came until entry ${last_seq}; what only other nodes have is taken back`],
    ['PROPOSED BY', `${author}, ${issued}`],
    ['ADMINS', `${mandate.admins.join(', ')}; ${quorumOf(mandate)} must agree`],
    ['NAMED BY', mandate.author],
  ]);
}

function nextSteps({ mandate, author }: Proposal, name: string): string {
  const others = mandate.admins.filter((admin) => admin !== author);
  const missing = quorumOf(mandate) - 1;
  if (missing === 0)
    return `Nothing has changed yet; your own word is enough: dcp channel replace-home '${name}' --confirm`;
  return [
    `Nothing has changed yet. Send the line below to the other admins; ${missing} of them must agree: ${others.join(', ')}`,
    'They look at it with: dcp channel agree-home LINE',
    'and sign it with:     dcp channel agree-home LINE --confirm',
    'What that prints they send back to you. Then, within 14 days:',
    `dcp channel replace-home '${name}' --proposal LINE${' --consent LINE'.repeat(missing)} --confirm`,
  ].join('\n');
}
