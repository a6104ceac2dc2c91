import type { Command } from 'commander';
import { federationDoctorCommand, federationForgetCommand, federationPeersCommand } from './commands/federation.js';
import { rotateKeyCommand } from './commands/rotate-key.js';
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
    .command('rotate-key')
    .description('a new key for the node whose files these are; other nodes follow')
    .option('--data <folder>', 'data folder of a node that npm start runs')
    .option('--key-file <file>', 'key of any other node (base64 of 32 bytes)')
    .option('--new-key-file <file>', 'where its new key is to be written')
    .option('--rotations-file <file>', 'what other nodes need to follow: DCP_NODE_ROTATIONS_FILE')
    .option('--node <id>', 'its id, if it is not made from its first key')
    .action(withContext(rotateKeyCommand));
  federation
    .command('doctor [node]')
    .description('check the way to another node, or how others come to this one')
    .action(withContext(federationDoctorCommand));
}
