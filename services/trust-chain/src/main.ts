import { createLogger, runService } from '@dcp/node-kit';
import { readConfig } from './config.js';
import { runTrustChain } from './run.js';

const logger = createLogger({ service: 'trust-chain' });

await runService({
  name: 'trust-chain',
  logger,
  start: async (signal) => {
    const config = readConfig();
    logger.level = config.logLevel;
    return runTrustChain(config, logger, signal);
  },
});
