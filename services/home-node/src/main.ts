import { createLogger, runService } from '@dcp/node-kit';
import { explain } from './explain.js';
import { banner, progress } from './banner.js';
import { readConfig, startHomeNode } from './index.js';
import { parseArguments } from './arguments.js';

const env = parseArguments(process.argv.slice(2), process.env);
const config = readOrExplain();
const logger = createLogger({ service: 'home-node', level: config.logLevel });

function readOrExplain() {
  try {
    return readConfig(env);
  } catch (error) {
    return explain(error);
  }
}

await runService({
  name: 'home node',
  logger,
  stopTimeoutMs: 60_000,
  start: async () => {
    const node = await startHomeNode({ config, env, logger, progress }).catch(explain);
    process.stdout.write(banner(node));
    return node;
  },
});
