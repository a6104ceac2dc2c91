import { type Logger, openServiceProcess, type Stoppable } from '@dcp/node-kit';
import { openNodeIdentity } from '@dcp/node-kit/node-key';
import { startFederation } from './federation.module.js';
import type { FederationEnvironment } from './config.js';
import { SCHEMA } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runFederation(
  config: FederationEnvironment,
  logger: Logger,
  signal: AbortSignal,
): Promise<Stoppable> {
  const identity = await openNodeIdentity(config);
  const own = await openServiceProcess(SCHEMA, config, logger, signal);
  identity.watch(own.parts);
  const pool = await own.openPool(config.databaseUrl, config.databasePool);
  const service = await startFederation({ ...own.parts, config, pool, identity });
  own.started();
  return { stop: () => own.stop(() => service.stop()).finally(() => identity.close()) };
}
