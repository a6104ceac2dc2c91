import { Command, Option } from 'commander';
import { channelsCommand, createChannelCommand, joinCommand, leaveCommand } from './commands/channels.js';
import { doctorCommand } from './commands/doctor.js';
import { createCommand, exportCommand, passphraseCommand, showCommand } from './commands/identity.js';
import { historyCommand, sendCommand, tailCommand } from './commands/messages.js';
import { loginCommand, logoutCommand, sessionsCommand, whoamiCommand } from './commands/session.js';
import { createContext, type Context, type GlobalOptions } from './context.js';

const PASSPHRASE_FILE = [
  '--passphrase-file <file>',
  'read the passphrase from this file (- for standard input)',
] as const;

/** Gives a command its context: the last argument is commander's own, the one before it the options. */
type Action = (context: Context, ...args: never[]) => Promise<void>;

function withContext(action: Action) {
  return async (...args: unknown[]) => {
    const self = args.pop() as Command;
    const context = await createContext(self.optsWithGlobals<GlobalOptions>());
    await (action as (context: Context, ...rest: unknown[]) => Promise<void>)(context, ...args);
  };
}

/** All commands of `dcp`. */
export function createProgram(): Command {
  const program = new Command('dcp')
    .description('Command line client of a DCP home node')
    .version('0.1.0')
    .option('--profile <name>', 'which person you are on this machine (default: $DCP_PROFILE or "default")')
    .option('--json', 'results as JSON, one value a line')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see dcp --help)');
  addIdentityCommands(program);
  addSessionCommands(program);
  addChannelCommands(program);
  program
    .command('doctor')
    .description('check profile, node, clock, login and socket; says what to do')
    .action(withContext(doctorCommand));
  return program;
}

function addIdentityCommands(program: Command): void {
  const identity = program.command('identity').description('make and keep your identity file');
  identity
    .command('create <name>')
    .description('make an identity and register it with a node')
    .option('--node <address>', 'address of the home node', 'http://127.0.0.1:8008')
    .option('--name <text>', 'display name')
    .option('--invite <code>', 'invite, where the node asks for one')
    .option('--temporary <duration>', 'an account that ends by itself (30m, 12h, 7d)')
    .addOption(new Option('--kdf <kdf>', 'how the passphrase becomes a key').choices(['argon2id', 'pbkdf2']))
    .option(...PASSPHRASE_FILE)
    .action(withContext(createCommand));
  identity.command('show').description('show the identity of this profile').action(withContext(showCommand));
  identity
    .command('export <file>')
    .description('write the identity file (- for standard output)')
    .action(withContext(exportCommand));
  identity
    .command('passphrase')
    .description('change the passphrase')
    .option(...PASSPHRASE_FILE)
    .option('--new-passphrase-file <file>', 'read the new one from this file')
    .action(withContext(passphraseCommand));
}

function addSessionCommands(program: Command): void {
  program
    .command('login')
    .description('make this machine one of your devices and open a session')
    .option('--device-name <text>', 'how the device is called in your list')
    .option(...PASSPHRASE_FILE)
    .action(withContext(loginCommand));
  program.command('logout').description('end the session of this machine').action(withContext(logoutCommand));
  program.command('whoami').description('show who you are to the node').action(withContext(whoamiCommand));
  program
    .command('sessions')
    .description('list your sessions, or end some')
    .option('--end <id>', 'end this session, or all')
    .action(withContext(sessionsCommand));
}

function addChannelCommands(program: Command): void {
  program.command('channels').description('list the public channels').action(withContext(channelsCommand));
  program
    .command('create <channel>')
    .description('create a public channel')
    .option('--title <text>', 'title in the list')
    .option('--description <text>', 'what it is about')
    .action(withContext(createChannelCommand));
  program.command('join <channel>').description('become a member').action(withContext(joinCommand));
  program.command('leave <channel>').description('end the membership').action(withContext(leaveCommand));
  program
    .command('send <channel> <text...>')
    .description('send a message (- reads it from standard input)')
    .option('--markdown', 'the text is Markdown')
    .option('--reply-to <id>', 'answer a message')
    .action(withContext(sendCommand));
  program
    .command('tail [channels...]')
    .description('show messages as they come, until Ctrl-C')
    .option('--count <n>', 'stop after so many')
    .action(withContext(tailCommand));
  program
    .command('history <channel>')
    .description('show older messages')
    .option('--limit <n>', 'how many', '50')
    .option('--before <id>', 'only those before this message')
    .action(withContext(historyCommand));
}
