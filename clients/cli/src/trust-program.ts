import type { Command } from 'commander';
import {
  trustBanCommand,
  trustExportCommand,
  trustImportCommand,
  trustJudgeCommand,
  trustLevelsCommand,
  trustLogCommand,
  trustRefollowCommand,
  trustReviewCommand,
  trustSetCommand,
  trustUnbanCommand,
} from './commands/trust.js';
import { trustDismissCommand } from './commands/report.js';
import { withContext } from './with-context.js';

/** `dcp trust …` */
export function addTrustCommands(program: Command): void {
  const trust = program.command('trust').description('moderation, for those who run the node');
  trust.command('levels').description('how far other nodes are trusted').action(withContext(trustLevelsCommand));
  trust
    .command('set <node> <level>')
    .description('trusted, monitored, unknown or blocked')
    .action(withContext(trustSetCommand));
  trust
    .command('ban <target>')
    .description('ban a user, or block a whole node; nodes that trust this one do so too')
    .option('--for <duration>', 'for a time only (30m, 12h, 7d)')
    .option('--reason <word>', 'kind of evidence (default: that of the report, or moderation)')
    .option('--message <id...>', 'messages that show it')
    .option('--report <id...>', 'reports that this settles')
    .option('--with-proof', 'publish the reported message and its key to the nodes that read your log, for good')
    .option('--note <text>', 'for the other nodes')
    .action(withContext(trustBanCommand));
  trust
    .command('unban <target>')
    .description('take back what this node decided about a user or node')
    .action(withContext(trustUnbanCommand));
  trust
    .command('review')
    .description('what users reported, and what other nodes decided or flagged, and waits for you')
    .action(withContext(trustReviewCommand));
  trust
    .command('dismiss <reports...>')
    .description('close reports without a decision')
    .action(withContext(trustDismissCommand));
  for (const [verdict, text] of [
    ['approve', 'let decisions of other nodes hold here'],
    ['reject', 'do not let them'],
  ] as const)
    trust
      .command(`${verdict} <ids...>`)
      .description(text)
      .action(withContext((context, ids: string[]) => trustJudgeCommand(context, verdict, ids)));
  trust
    .command('log')
    .description('who decided what, newest first')
    .option('--of <target>', 'about this user, node or message')
    .option('--limit <n>', 'how many', '50')
    .option('--nodes', 'the logs of the nodes, and whether they can be believed')
    .action(withContext(trustLogCommand));
  trust
    .command('refollow <node>')
    .description('read a forked log anew, when its operator has told you why')
    .action(withContext(trustRefollowCommand));
  addBlockListCommands(trust);
}

function addBlockListCommands(trust: Command): void {
  trust
    .command('export [file]')
    .description('write who is banned and blocked here (default: standard output)')
    .option('--csv', 'as CSV instead of JSON')
    .action(
      withContext((context, file: string | undefined, options) => trustExportCommand(context, file ?? '-', options)),
    );
  trust
    .command('import <file>')
    .description('ban and block what a list names (- for standard input)')
    .option('--dry-run', 'only say what would change')
    .option('--note <text>', 'for the other nodes')
    .action(withContext(trustImportCommand));
}
