import { type Logger, openServiceProcess, type Stoppable } from '@dcp/node-kit';
import { openNodeIdentity } from '@dcp/node-kit/node-key';
import { startChannel } from './channel.module.js';
import type { ChannelEnvironment } from './config.js';
import { SCHEMA } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runChannel(config: ChannelEnvironment, logger: Logger, signal: AbortSignal): Promise<Stoppable> {
  const identity = await openNodeIdentity(config);
  const own = await openServiceProcess(SCHEMA, config, logger, signal);
  identity.watch(own.parts);
  const pool = await own.openPool(config.databaseUrl, config.databasePool);
  const service = await startChannel({ ...own.parts, config, pool, identity });
  own.started();
  return { stop: () => own.stop(() => service.close()).finally(() => identity.close()) };
}
