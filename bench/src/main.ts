import { ready } from '@dcp/crypto';
import { benchLat } from './benches/lat.js';
import { Cleanup } from './cleanup.js';
import { buildLoadTool } from './load-tool.js';
import { machineLine } from './machine.js';

const BENCHES: Record<string, (cleanup: Cleanup) => Promise<void>> = {
  lat: (cleanup) => benchLat(cleanup, { rounds: 3, messages: 3_000, warmUp: 500 }),
};

const [name = ''] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`Usage: node bench/run.mjs ${Object.keys(BENCHES).join(' | ')}`);
  process.exit(2);
}

const cleanup = new Cleanup();
process.once('SIGINT', () => void cleanup.run().then(() => process.exit(130)));
process.once('SIGTERM', () => void cleanup.run().then(() => process.exit(143)));

try {
  await ready();
  buildLoadTool();
  console.log(`bench ${name}: ${machineLine()}`);
  await bench(cleanup);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await cleanup.run();
}
