import { createLogger, runService } from '@dcp/node-kit';
import { readConfig } from './config.js';
import { runFederation } from './run.js';

const logger = createLogger({ service: 'federation' });

await runService({
  name: 'federation',
  logger,
  start: async (signal) => {
    const config = readConfig();
    logger.level = config.logLevel;
    return runFederation(config, logger, signal);
  },
});
