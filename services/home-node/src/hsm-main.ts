import { ready } from '@dcp/crypto';
import { explain } from './explain.js';
import { parseCommand } from './hsm/arguments.js';
import { importKey } from './hsm/import.js';
import { init } from './hsm/init.js';
import { rotate } from './hsm/rotate.js';

const COMMANDS = { init, import: importKey, rotate };

const { command, options } = parseCommand(process.argv.slice(2), process.env);
await ready();
const text = await COMMANDS[command](options).catch(explain);
process.stdout.write(`${text}\n`);
