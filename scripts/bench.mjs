// `npm run bench:smoke`: installs and builds what is missing, then runs a bench (bench/README.md).
import { build, install, node24, root, run } from './toolchain.mjs';

await install();
await build();
process.exit(await run(node24(), ['bench/run.mjs', ...process.argv.slice(2)], { cwd: root }));
