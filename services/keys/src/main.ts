import { createLogger, runService } from '@dcp/node-kit';
import { readConfig } from './config.js';
import { runKeys } from './run.js';

const logger = createLogger({ service: 'keys' });

await runService({
  name: 'keys',
  logger,
  start: async (signal) => {
    const config = readConfig();
    logger.level = config.logLevel;
    return runKeys(config, logger, signal);
  },
});
