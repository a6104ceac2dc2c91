import type { Command } from 'commander';
import { reportCommand } from './commands/report.js';
import { withContext } from './with-context.js';

const REPORT_HELP = `
Those who run your node see the message and what you write with --note; nobody else does, unless they publish it with a
decision. Of an encrypted message its own key is given to them. It opens this message and no other. Message ids are shown by
dcp history CHANNEL --json.`;

/** `dcp report …` */
export function addReportCommand(program: Command): void {
  program
    .command('report <channel> <message-id>')
    .description('show a message to those who run your node')
    .requiredOption('--reason <word>', 'spam, harassment, … (a-z, 0-9, _ and -)')
    .option('--note <text>', 'in your words')
    .option('--without-key', 'an encrypted message whose key is gone: they will have your word only')
    .addHelpText('after', REPORT_HELP)
    .action(withContext(reportCommand));
}
