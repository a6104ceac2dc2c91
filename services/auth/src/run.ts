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
import { startAuth } from './auth.module.js';
import type { AuthEnvironment } from './config.js';
import { SCHEMA } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runAuth(config: AuthEnvironment, logger: Logger, signal: AbortSignal): Promise<Stoppable> {
  const metrics = createMetrics({ service: SCHEMA });
  const health = createHealth();
  const server = await startHealthServer({ health, metrics, port: config.healthPort });
  const starting = health.register('start', () => {
    throw new Error('waiting for PostgreSQL and the bus');
  });
  const { databaseUrl: url, databasePool: max, busPrefix: prefix, natsUser, natsPassword } = config;
  const pool = await createPool({ url, max, applicationName: 'dcp-auth', logger, signal });
  const bus = await connectNatsBus({
    servers: config.natsUrl.split(','),
    ...(natsUser === undefined ? {} : { user: natsUser }),
    ...(natsPassword === undefined ? {} : { password: natsPassword }),
    prefix,
    name: 'auth',
    logger,
    metrics,
    signal,
  });
  const service = await startAuth({ config, bus, pool, logger, metrics, health, clock: systemClock });
  starting.unsubscribe();
  const invite = await service.ownerInvite();
  if (invite !== undefined) process.stdout.write(`Invite that makes its bearer the owner of the node: ${invite}\n`);
  return {
    stop: async () => {
      health.setDraining();
      await service.stop();
      await bus.close();
      await pool.end();
      await server.stop();
    },
  };
}
