import { asDcpError, CONSENT_DAYS } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { printable } from '../output.js';

/** Why a channel stays where it is, and what to do next; other failures come back as they are. `node`: where it should go. */
export function inWords(error: unknown, name: string, node: string): unknown {
  if (error instanceof CliError) return error;
  const { details } = asDcpError(error);
  const reason = String(details['reason']);
  if (!Object.hasOwn(WORDS, reason)) return error;
  return new CliError(reason, WORDS[reason]?.(name, node, details) ?? reason);
}

type Words = (name: string, node: string, details: Record<string, unknown>) => string;

const userOf = (details: Record<string, unknown>): string => printable(String(details['user_id'] ?? 'somebody'));
const again = (name: string): string => `begin again with: dcp channel propose-home '${name}'`;
const ownerOnly: Words = (name) =>
  `Only the owner of ${name} can move it, or, when its home is lost, the admins whom he has named: dcp channel admins '${name}'`;

const WORDS: Record<string, Words> = {
  behind: (name, node) => `${node} still fetches the history of ${name}. Nothing has changed: try again later`,
  no_member: (name, node) => `Nobody of ${node} is a member of ${name}: somebody there has to join it first`,
  name_taken: (_, node) => `${node} has another channel of that name`,
  home_answers: (name) => `The home of ${name} answers: it is not lost. To move it: dcp channel move`,
  too_far_behind: (name, node) => `${node} lacks too much of ${name}: name the node that has most, or none`,
  another_end: (name, node) =>
    `What ${node} has of ${name} is not what was said, or not any more: try again, with a new proposal if there was one`,
  dm: () => 'A direct message has its home at the node of one of the two, and stays there',
  not_the_owner: ownerOnly,
  handover_author: ownerOnly,
  no_mandate: (name) => `The owner of ${name} has named no admins: only he can move it`,
  not_an_admin: (name) => `You are not one of the admins whom the owner of ${name} has named`,
  not_a_member: (name, _, details) =>
    `${userOf(details)} has signed, and is no member of ${name} any more: leave that line out`,
  old_mandate: (name) => `The owner of ${name} has named others since: ${again(name)}`,
  consent_time: (name) =>
    `Somebody has signed more than ${CONSENT_DAYS} days ago: leave that line out, or ${again(name)}`,
  handover_chain: (name) =>
    `This proposal is not about the present home of ${name}: it is there already, or another channel is meant. See: dcp channel home '${name}'`,
  handover_signature: (_, __, details) =>
    `The signature of ${userOf(details)} is not under this proposal: leave that line out, or ask for a new one`,
  quorum: (name, _, { needed, have }) =>
    `${String(needed)} admins must have signed, and ${String(have)} ${have === 1 ? 'has' : 'have'}. Send the others a proposal ` +
    `(dcp channel propose-home '${name}'): each makes a line for --consent with: dcp channel agree-home LINE --confirm`,
};
