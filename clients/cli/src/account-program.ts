import type { Command } from 'commander';
import { moveAccountCommand, whoisCommand } from './commands/account.js';
import { withContext } from './with-context.js';

const MOVE_HELP = `
Make the new account first, at its node, and log in:
  dcp --profile NEW identity create NAME --node ADDRESS
  dcp --profile NEW login
Both identities sign the move. For 90 days the old node leads everybody who asks for the old account to the new
one, and you may log in to the old account as before. Then it ends, and what it wrote is wiped. Public channels are
joined by the new account; members of private ones have to invite it. A move cannot be taken back; it can be
repeated, and be pointed to another account.`;

/** `dcp account …` and `dcp whois`. */
export function addAccountCommands(program: Command): void {
  const account = program.command('account').description('what becomes of your account');
  account
    .command('move <new-user>')
    .description('go on with an account of yours at another node')
    .requiredOption('--to-profile <name>', 'the profile that is the new account, logged in')
    .option('--via <host>', 'where others find its node (default: the address that you use)')
    .option('--passphrase-file <file>', 'read the passphrase of the old account from this file')
    .option('--new-passphrase-file <file>', 'read the passphrase of the new account from this file')
    .addHelpText('after', MOVE_HELP)
    .action(withContext(moveAccountCommand));
  program
    .command('whois <user>')
    .description('who somebody is, and where he has moved')
    .action(withContext(whoisCommand));
}
