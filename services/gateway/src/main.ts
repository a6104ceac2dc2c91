import { createLogger, runService } from '@dcp/node-kit';
import { readConfig } from './config.js';
import { runGateway } from './run.js';

const logger = createLogger({ service: 'gateway' });

await runService({
  name: 'gateway',
  logger,
  stopTimeoutMs: 120_000,
  start: async (signal) => {
    const config = readConfig();
    logger.level = config.process.logLevel;
    return await runGateway(config, logger, signal);
  },
});
