import type { Command } from 'commander';
import { channelAdminsCommand } from './commands/channel-admins.js';
import { channelHomeCommand, moveChannelCommand } from './commands/channel-home.js';
import { agreeHomeCommand, proposeHomeCommand } from './commands/home-proposals.js';
import { replaceHomeCommand } from './commands/replace-home.js';
import { withContext } from './with-context.js';

const MOVE_HELP = `
NODE is the id of the new home, which needs a member in the channel. It gets the whole history; who is in the channel
stays, and everybody goes on as before. Afterwards the channel is called #name there and #name@NODE elsewhere.`;

const REPLACE_HELP = `
For a home that will never come back: as long as it may, wait, what is posted is kept for a week. Without --confirm this
shows what the nodes of the members have and changes nothing. The channel goes on at NODE, or at the node that has most
of it. What nobody but the lost home had is lost; at nodes that have more than the new home that is taken back, and what
their own users wrote is ordered again. If the old home comes back after all, it follows.

A channel's owner can do this alone. Its admins do it together: one of them proposes it, the others agree (dcp channel
propose-home, agree-home), and one who has enough lines of the others says so here.`;

const ADMINS_HELP = `
For the day when the home of a channel is lost, and perhaps you with it. More than half of the users whom you name, of any
nodes, nine at most, can then let the channel go on at another node, if they are members that day. They can do nothing
else, and nothing as long as the home answers. Who is named replaces those who were named before; without users this
shows who they are.`;

const PROPOSE_HELP = `
For admins of a channel whose home is lost (dcp channel admins). This asks the nodes of the members what they have, and
prints one line for the other admins: that the channel goes on at NODE, or at the node that has most of it. Nothing
changes by that. The line is good for 14 days, as long as that node gets no more of the channel.`;

const AGREE_HELP = `
For admins: what another one has proposed (- reads it from standard input). Without --confirm this shows it, and nothing
is signed. With --confirm it asks your own node whether the home is lost and the proposal true, and prints one line to
send back: your signature, good for this proposal only, for 14 days.`;

/** `dcp channel …`. */
export function addChannelHomeCommands(program: Command): void {
  const channel = program.command('channel').description('where a channel has its home');
  channel
    .command('home <channel>')
    .description('the node that orders a channel, and how it came there')
    .action(withContext(channelHomeCommand));
  channel
    .command('move <channel> <node>')
    .description('give a channel of yours to another node')
    .option('--via <host>', 'where others find that node, if they have not met it')
    .addHelpText('after', MOVE_HELP)
    .action(withContext(moveChannelCommand));
  channel
    .command('replace-home <channel> [node]')
    .description('let a channel go on at another node when its home is lost for good')
    .option('--via <host>', 'where others find that node, if they have not met it')
    .option('--proposal <line>', 'of admins: what dcp channel propose-home printed')
    .option('--consent <line>', 'of admins: what dcp channel agree-home printed (several times)', collected)
    .option('--confirm', 'the home is lost: do it')
    .addHelpText('after', REPLACE_HELP)
    .action(withContext(replaceHomeCommand));
  addAdminCommands(channel);
}

function addAdminCommands(channel: Command): void {
  channel
    .command('admins <channel> [users...]')
    .description('who may move a channel together when its home is lost; as its owner: name them')
    .option('--none', 'nobody any more')
    .addHelpText('after', ADMINS_HELP)
    .action(withContext(channelAdminsCommand));
  channel
    .command('propose-home <channel> [node]')
    .description('as an admin: propose where a channel goes on whose home is lost')
    .option('--via <host>', 'where others find that node, if they have not met it')
    .addHelpText('after', PROPOSE_HELP)
    .action(withContext(proposeHomeCommand));
  channel
    .command('agree-home <proposal>')
    .description('as an admin: look at the proposal of another one, and sign it')
    .option('--confirm', 'the home is lost: sign it')
    .addHelpText('after', AGREE_HELP)
    .action(withContext(agreeHomeCommand));
}

function collected(line: string, before: string[] = []): string[] {
  return [...before, line];
}
