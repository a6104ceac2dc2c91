import { createLogger, runService } from '@dcp/node-kit';
import { readConfig } from './config.js';
import { runAuth } from './run.js';

const logger = createLogger({ service: 'auth' });

await runService({
  name: 'auth',
  logger,
  start: async (signal) => {
    const config = readConfig();
    logger.level = config.logLevel;
    return runAuth(config, logger, signal);
  },
});
