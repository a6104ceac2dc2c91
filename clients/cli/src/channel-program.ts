import type { Command } from 'commander';
import { channelHomeCommand, moveChannelCommand } from './commands/channel-home.js';
import { withContext } from './with-context.js';

const MOVE_HELP = `
NODE is the id of the new home, which needs a member in the channel. It gets the whole history; who is in the channel
stays, and everybody goes on as before. Afterwards the channel is called #name there and #name@NODE elsewhere.`;

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
}
