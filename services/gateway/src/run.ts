import {
  connectNatsBus,
  createHealth,
  createMetrics,
  startHealthServer,
  systemClock,
  type Logger,
  type Stoppable,
} from '@dcp/node-kit';
import type { readConfig } from './config.js';
import { startGateway } from './gateway.js';

/** The gateway as a process of its own: its bus connection and its health port around the module. */
export async function runGateway(
  { gateway, process: own }: ReturnType<typeof readConfig>,
  logger: Logger,
  signal: AbortSignal,
): Promise<Stoppable> {
  const metrics = createMetrics({ service: 'gateway' });
  const health = createHealth();
  const healthServer = await startHealthServer({ health, metrics, port: own.healthPort });
  const starting = health.register('start', () => {
    throw new Error('waiting for the bus');
  });
  const { natsUrl: servers, natsUser: user, natsPassword: password = '', busPrefix: prefix } = own;
  const bus = await connectNatsBus({ servers, user, password, prefix, name: 'gateway', logger, metrics, signal });
  const running = await startGateway({ config: gateway, bus, clock: systemClock, logger, metrics, health });
  starting.unsubscribe();
  return {
    stop: async () => {
      await running.stop();
      await bus.close();
      await healthServer.stop();
    },
  };
}
