// `npm run hsm`: the node's key in an HSM. Builds the add-on that speaks PKCS#11 when it is not there, then runs the command.
import { join } from 'node:path';
import { buildPkcs11 } from './pkcs11.mjs';
import { build, install, node24, root, run, say } from './toolchain.mjs';

await install();
if (!(await buildPkcs11())) process.exit(1);
if (process.argv[2] === 'build') {
  say('the add-on for PKCS#11 is built');
  process.exit(0);
}
await build(['@dcp/home-node', '@dcp/cli']);
const main = join(root, 'services', 'home-node', 'dist', 'hsm-main.js');
process.exit(await run(node24(), [main, ...process.argv.slice(2)]));
