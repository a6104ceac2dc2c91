// `npm start`: installs and builds what is missing, then runs one home node until Ctrl-C.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, install, node24, root } from './toolchain.mjs';

await install();
await build(['@dcp/home-node', '@dcp/cli']);

const main = join(root, 'services', 'home-node', 'dist', 'main.js');
const node = spawn(node24(), ['--enable-source-maps', main, ...process.argv.slice(2)], { stdio: 'inherit' });

// The node hears Ctrl-C itself, because the terminal sends it to the whole group; only a plain kill has to be passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => node.kill('SIGTERM'));
node.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
