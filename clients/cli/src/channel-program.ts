import type { Command } from 'commander';
import { channelHomeCommand, moveChannelCommand, replaceHomeCommand } from './commands/channel-home.js';
import { withContext } from './with-context.js';

const MOVE_HELP = `
NODE is the id of the new home, which needs a member in the channel. It gets the whole history; who is in the channel
stays, and everybody goes on as before. Afterwards the channel is called #name there and #name@NODE elsewhere.`;

const REPLACE_HELP = `
For a home that will never come back: as long as it may, wait, what is posted is kept for a week. Without --confirm this
shows what the nodes of the members have and changes nothing. The channel goes on at NODE, or at the node that has most
of it. What nobody but the lost home had is lost; at nodes that have more than the new home that is taken back, and what
their own users wrote is ordered again. If the old home comes back after all, it follows.`;

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
    .description('let a channel of yours go on at another node when its home is lost for good')
    .option('--via <host>', 'where others find that node, if they have not met it')
    .option('--confirm', 'the home is lost: do it')
    .addHelpText('after', REPLACE_HELP)
    .action(withContext(replaceHomeCommand));
}
