import {
  connectNatsBus,
  createHealth,
  createLogger,
  createMetrics,
  runService,
  startHealthServer,
  systemClock,
} from '@dcp/node-kit';
import { readConfig } from './config.js';
import { startGateway } from './gateway.js';

const { gateway, process: own } = readConfig();
const logger = createLogger({ service: 'gateway', level: own.logLevel });

await runService({
  name: 'gateway',
  logger,
  stopTimeoutMs: gateway.drainMs + 30_000,
  start: async (signal) => {
    const metrics = createMetrics({ service: 'gateway' });
    const health = createHealth();
    const { natsUrl: servers, natsUser: user, natsPassword: password = '', busPrefix: prefix } = own;
    const healthServer = await startHealthServer({ health, metrics, port: own.healthPort });
    const starting = health.register('start', () => {
      throw new Error('waiting for the bus');
    });
    const bus = await connectNatsBus({ servers, user, password, prefix, name: 'gateway', logger, metrics, signal });
    starting.unsubscribe();
    const running = await startGateway({ config: gateway, bus, clock: systemClock, logger, metrics, health });
    const stop = async () => {
      await running.stop();
      await bus.close();
      await healthServer.stop();
    };
    return { stop };
  },
});
