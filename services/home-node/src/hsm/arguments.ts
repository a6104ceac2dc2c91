import { type Environment, loadConfig } from '@dcp/node-kit';
import { type NodeKeyConfig, nodeKeyTable } from '@dcp/node-kit/node-key';
import { parseArgs } from 'node:util';
import { explain } from '../explain.js';
import { withSealedFile } from '../identity.js';

const HELP = `Usage: npm run hsm -- build|init|import|rotate [options]

  build    compiles the add-on that speaks PKCS#11; the others do it too when it is missing
  init     finds the node's key in the HSM, or makes it, and makes the sealed seed file of a new node
             --data FOLDER       the data folder of a node that npm start runs
             --new-seed          a sealed seed file for a key that was there before: only if no node has used it
  import   moves the key of a node into the HSM: the node keeps key and id
             --data FOLDER       the data folder of a node that npm start runs
             --key-file FILE     for every other node: where its seed lies
  rotate   a new key in the HSM, signed by the present one, so that other nodes follow
             --new-key LABEL     label of the new key
             --data FOLDER       the data folder of a node that npm start runs
             --rotations-file FILE, --node ID   for every other node: what auth gets, and the id of the node

The HSM is named as for the node itself: DCP_NODE_HSM_MODULE, DCP_NODE_HSM_TOKEN, DCP_NODE_HSM_KEY, DCP_NODE_HSM_PIN_FILE, and
DCP_NODE_SEALED_SEED_FILE (with --data: sealed-seed.json in the folder). A PIN is never taken from the command line.
`;

const COMMANDS = ['init', 'import', 'rotate'] as const;

export interface HsmOptions {
  config: NodeKeyConfig;
  data?: string | undefined;
  keyFile?: string | undefined;
  newKey?: string | undefined;
  newSeed?: boolean | undefined;
  rotationsFile?: string | undefined;
  node?: string | undefined;
}

/** What shall be done, and the settings of the HSM. Ends the process for --help, wrong options and settings. */
export function parseCommand(
  args: string[],
  env: Environment,
): { command: (typeof COMMANDS)[number]; options: HsmOptions } {
  try {
    const text = { type: 'string' } as const;
    const named = { data: text, 'key-file': text, 'new-key': text, 'rotations-file': text, node: text };
    const flags = { 'new-seed': { type: 'boolean' }, help: { type: 'boolean' } } as const;
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { ...named, ...flags } });
    if (values.help === true) leave(HELP, 0);
    const command = COMMANDS.find((name) => name === positionals[0]);
    if (command === undefined || positionals.length > 1) return leave(HELP, 78);
    const { data, node = env['DCP_NODE_ID'] } = values;
    return {
      command,
      options: {
        ...{ data, node, keyFile: values['key-file'], newKey: values['new-key'], newSeed: values['new-seed'] },
        rotationsFile: values['rotations-file'],
        config: settings(env, data),
      },
    };
  } catch (error) {
    return leave(`${error instanceof Error ? error.message : 'wrong options'}\n\n${HELP}`, 78);
  }
}

/** As the node reads them; a seed that the environment of the node still holds is not what is asked for here. */
function settings(env: Environment, data: string | undefined): NodeKeyConfig {
  const hsm = { ...env, DCP_NODE_KEY: undefined, DCP_NODE_KEY_FILE: undefined };
  try {
    return loadConfig(nodeKeyTable, data === undefined ? hsm : withSealedFile(hsm, data));
  } catch (error) {
    return explain(error);
  }
}

function leave(text: string, code: number): never {
  process[code === 0 ? 'stdout' : 'stderr'].write(text);
  process.exit(code);
}
