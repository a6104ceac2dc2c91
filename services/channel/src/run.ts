import {
  connectNatsBus,
  createHealth,
  createMetrics,
  createPool,
  type Logger,
  type Stoppable,
  startHealthServer,
  systemClock,
} from '@dcp/node-kit';
import { startChannel } from './channel.module.js';
import type { ChannelEnvironment } from './config.js';
import { SCHEMA } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runChannel(config: ChannelEnvironment, logger: Logger, signal: AbortSignal): Promise<Stoppable> {
  const metrics = createMetrics({ service: SCHEMA });
  const health = createHealth();
  const server = await startHealthServer({ health, metrics, port: config.healthPort });
  const pool = await createPool({
    url: config.databaseUrl,
    max: config.databasePool,
    applicationName: 'dcp-channel',
    logger,
    signal,
  });
  const bus = await connectNatsBus({
    servers: config.natsUrl.split(','),
    ...(config.natsUser === undefined ? {} : { user: config.natsUser }),
    ...(config.natsPassword === undefined ? {} : { password: config.natsPassword }),
    name: 'channel',
    logger,
    metrics,
    signal,
  });
  const service = await startChannel({ config, bus, pool, logger, metrics, health, clock: systemClock });
  return {
    stop: async () => {
      health.setDraining();
      await service.close();
      await bus.close();
      await pool.end();
      await server.stop();
    },
  };
}
