import { Command, Option } from 'commander';
import { channelsCommand, createChannelCommand, joinCommand, leaveCommand } from './commands/channels.js';
import { backupCommand, forgetBackupCommand, resetKeysCommand, restoreBackupCommand } from './commands/backup.js';
import { doctorCommand } from './commands/doctor.js';
import { devicesCommand, revokeDeviceCommand, verifyCommand } from './commands/devices.js';
import {
  createCommand,
  exportCommand,
  fetchCommand,
  importCommand,
  passphraseCommand,
  qrCommand,
  showCommand,
} from './commands/identity.js';
import { historyCommand, searchCommand, sendCommand, tailCommand } from './commands/messages.js';
import {
  dmCommand,
  groupCommand,
  invitationsCommand,
  inviteCommand,
  linkCommand,
  membersCommand,
  removeCommand,
} from './commands/rooms.js';
import { loginCommand, logoutCommand, sessionsCommand, whoamiCommand } from './commands/session.js';
import { addAccountCommands } from './account-program.js';
import { addChannelHomeCommands } from './channel-program.js';
import { addFederationCommands } from './federation-program.js';
import { addReportCommand } from './report-program.js';
import { addTrustCommands } from './trust-program.js';
import { withContext } from './with-context.js';

const PASSPHRASE_FILE = [
  '--passphrase-file <file>',
  'read the passphrase from this file (- for standard input)',
] as const;

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
  addPeopleCommands(program);
  addDeviceCommands(program);
  addAccountCommands(program);
  addChannelHomeCommands(program);
  addReportCommand(program);
  addTrustCommands(program);
  addFederationCommands(program);
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
    .command('import <file>')
    .description('take up an identity file or code on this machine (- for standard input)')
    .action(withContext(importCommand));
  identity
    .command('fetch <user>')
    .description('take up your identity on this machine: fetch it from your home node with your passphrase')
    .option('--node <address>', 'address of the home node', 'http://127.0.0.1:8008')
    .option('--allow-pbkdf2', 'your file was made with --kdf pbkdf2')
    .option(...PASSPHRASE_FILE)
    .action(withContext(fetchCommand));
  identity.command('qr').description('show the identity as a QR code for a new device').action(withContext(qrCommand));
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
  program
    .command('channels')
    .description('list the public channels')
    .option('--mine', 'those that you are in, private ones and DMs too')
    .action(withContext(channelsCommand));
  program
    .command('create <channel>')
    .description('create a channel, encrypted end to end')
    .option('--private', 'by invitation only, in no list')
    .option('--readable', 'let the node read it (search, functions, bots)')
    .option('--title <text>', 'title in the list')
    .option('--description <text>', 'what it is about')
    .action(withContext(createChannelCommand));
  program
    .command('join <channel>')
    .description('become a member, by name, id or link; of another node: name@node')
    .option('--via <host>', 'where that node is found, if yours has not met it (a link says it by itself)')
    .action(withContext(joinCommand));
  program
    .command('link [channel]')
    .description('the address to send to people of other nodes: of a channel, or yours')
    .action(withContext(linkCommand));
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
    .command('search <words...>')
    .description('search what this device has read and written')
    .option('--limit <n>', 'how many', '20')
    .action(withContext(searchCommand));
  program
    .command('history <channel>')
    .description('show older messages')
    .option('--limit <n>', 'how many', '50')
    .option('--before <id>', 'only those before this message')
    .action(withContext(historyCommand));
}

function addPeopleCommands(program: Command): void {
  program
    .command('dm <user> [text...]')
    .description('write to somebody (user, or the link that he has given), just the two of you')
    .option('--markdown', 'the text is Markdown')
    .option('--reply-to <id>', 'answer a message')
    .action(withContext(dmCommand));
  program.command('group <users...>').description('a group of you and these users').action(withContext(groupCommand));
  program
    .command('invite <channel> [user]')
    .description('let somebody into a private channel')
    .option('--link', 'make a link instead: whoever has it may join')
    .option('--for <duration>', 'how long the link is good', '7d')
    .option('--revoke-link <key>', 'end a link')
    .option('--withdraw', 'take the invitation back')
    .option('--share-history', 'let a member read what was written before he came')
    .action(withContext(inviteCommand));
  program
    .command('invitations')
    .description('where you are invited to')
    .option('--decline <channel-id>', 'say no')
    .action(withContext(invitationsCommand));
  program
    .command('members <channel>')
    .description('who is in an encrypted channel')
    .action(withContext(membersCommand));
  for (const [how, text] of [
    ['kick', 'put a member out'],
    ['ban', 'put a member out for good'],
    ['unban', 'let a banned user back in'],
  ] as const)
    program
      .command(`${how} <channel> <user>`)
      .description(text)
      .action(withContext((context, channel: string, user: string) => removeCommand(context, how, channel, user)));
  program
    .command('verify <user>')
    .description('compare safety numbers: is it really them?')
    .option('--confirm', 'they are the same on both sides')
    .option('--accept', 'their identity has changed, and they told you so')
    .action(withContext(verifyCommand));
}

function addDeviceCommands(program: Command): void {
  const devices = program
    .command('devices')
    .description('your devices (or those of somebody)')
    .option('--of <user>', 'whose')
    .action(withContext(devicesCommand));
  devices
    .command('revoke <device>')
    .description('log a device out for good; it reads nothing that comes later')
    .option(...PASSPHRASE_FILE)
    .action(withContext(revokeDeviceCommand));
  const backup = program
    .command('backup')
    .description('the sealed backup of your history at the node')
    .action(withContext(backupCommand));
  backup.command('restore').description('read it into this device again').action(withContext(restoreBackupCommand));
  backup
    .command('forget <month>')
    .description('make a month (2026-11) unreadable here and at the node')
    .action(withContext(forgetBackupCommand));
  backup
    .command('reset')
    .description('this profile is a restored copy: make new keys')
    .action(withContext(resetKeysCommand));
}
