import type { HomeSurvey, Proposal } from '@dcp/client-sdk';
import { type Consent, consentSchema, parseWith, quorumOf } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { withClient, type Context } from '../context.js';
import { table } from '../output.js';
import { channelName } from './channels.js';
import { proposalOf } from './home-proposals.js';
import { inWords } from './home-words.js';
import { fromLine } from './lines.js';

interface ReplaceOptions {
  via?: string;
  proposal?: string;
  consent?: string[];
  confirm?: boolean;
}

/** `dcp channel replace-home CHANNEL [NODE] [--proposal LINE --consent LINE…] [--confirm]` */
export async function replaceHomeCommand(
  context: Context,
  channel: string,
  node: string | undefined,
  options: ReplaceOptions,
): Promise<void> {
  const name = await channelName(context, channel);
  const together = wordsOf(options, node);
  if (options.confirm !== true) return await showSurvey(context, name);
  const wish = { ...together, ...(options.via === undefined ? {} : { via: options.via }) };
  const home = await withClient(context, (client) => client.rooms.homes.replace(name, node, wish)).catch(
    (error: unknown) => {
      throw inWords(error, name, node ?? together.proposal?.to_node ?? 'The node');
    },
  );
  context.output.result(home, `${home.channel} goes on at ${home.home_node}.`);
}

/** What admins have sent each other. */
function wordsOf({ proposal: line, consent = [] }: ReplaceOptions, node: string | undefined) {
  if (line === undefined && consent.length > 0)
    throw new CliError('usage', 'Consents are given to a proposal: add --proposal LINE');
  const proposal: Proposal | undefined = line === undefined ? undefined : proposalOf(line);
  if (proposal !== undefined && node !== undefined && node !== proposal.to_node)
    throw new CliError('usage', `The proposal is to go on at ${proposal.to_node}: leave out ${node}`);
  const consents: Consent[] = consent.map((one) =>
    fromLine(one, 'a line of dcp channel agree-home --confirm', (value) => parseWith(consentSchema, value)),
  );
  return { proposal, consents };
}

async function showSurvey(context: Context, name: string): Promise<void> {
  const { identity } = await context.profile.identity();
  const survey = await withClient(context, (client) => client.rooms.homes.survey(name));
  context.output.result(survey, surveyText(survey, name, identity.full_id));
}

function surveyText(survey: HomeSurvey, name: string, userId: string): string {
  const rows = survey.nodes.map((node) =>
    'error' in node ? [node.node_id, '-', node.error] : [node.node_id, `${node.first_seq}`, `${node.last_seq}`],
  );
  const next = survey.home_answers
    ? `${survey.home_node} answers: it is not lost. To move the channel: dcp channel move`
    : `${survey.home_node} does not answer. If it is lost for good: ${nextCommand(survey, name, userId)}`;
  return `${table([['NODE', 'FROM', 'TO'], ...rows])}\n${next}`;
}

function nextCommand({ mandate }: HomeSurvey, name: string, userId: string): string {
  const isOneOfSeveral = mandate?.admins.includes(userId) === true && quorumOf(mandate) > 1;
  const command = isOneOfSeveral && mandate.author !== userId ? 'propose-home' : 'replace-home';
  return `dcp channel ${command} '${name}'${command === 'replace-home' ? ' --confirm' : ''}`;
}
