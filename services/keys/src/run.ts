import { type Logger, openServiceProcess, type Stoppable } from '@dcp/node-kit';
import { startKeys } from './keys.module.js';
import type { KeysEnvironment } from './config.js';
import { SCHEMA } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runKeys(config: KeysEnvironment, logger: Logger, signal: AbortSignal): Promise<Stoppable> {
  const own = await openServiceProcess(SCHEMA, config, logger, signal);
  const pool = await own.openPool(config.databaseUrl, config.databasePool);
  const service = await startKeys({ ...own.parts, config, pool });
  own.started();
  return { stop: () => own.stop(() => service.stop()) };
}
