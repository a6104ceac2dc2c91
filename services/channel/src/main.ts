import { createLogger, runService } from '@dcp/node-kit';
import { readConfig } from './config.js';
import { runChannel } from './run.js';

const logger = createLogger({ service: 'channel' });

await runService({
  name: 'channel',
  logger,
  start: async (signal) => {
    const config = readConfig();
    logger.level = config.logLevel;
    return runChannel(config, logger, signal);
  },
});
