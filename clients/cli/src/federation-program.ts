import type { Command } from 'commander';
import { federationDoctorCommand, federationForgetCommand, federationPeersCommand } from './commands/federation.js';
import { withContext } from './with-context.js';

/** `dcp federation …` */
export function addFederationCommands(program: Command): void {
  const federation = program.command('federation').description('links to other nodes, for those who run the node');
  federation
    .command('peers')
    .description('nodes that were seen, and their links')
    .action(withContext(federationPeersCommand));
  federation
    .command('forget <node>')
    .description('believe the next key of a node that has lost its own')
    .action(withContext(federationForgetCommand));
  federation
    .command('doctor [node]')
    .description('check the way to another node, or how others come to this one')
    .action(withContext(federationDoctorCommand));
}
