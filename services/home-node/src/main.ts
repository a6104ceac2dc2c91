import { createLogger, runService } from '@dcp/node-kit';
import { banner, progress } from './banner.js';
import { readConfig, startHomeNode } from './index.js';
import { parseArguments } from './arguments.js';

const env = parseArguments(process.argv.slice(2), process.env);
const config = readConfig(env);
const logger = createLogger({ service: 'home-node', level: config.logLevel });

await runService({
  name: 'home node',
  logger,
  stopTimeoutMs: 60_000,
  start: async () => {
    const node = await startHomeNode({ config, env, logger, progress });
    process.stdout.write(banner(node));
    return node;
  },
});
