import { type Logger, openServiceProcess, type Stoppable } from '@dcp/node-kit';
import { openNodeIdentity } from '@dcp/node-kit/node-key';
import { startTrustChain } from './trust-chain.module.js';
import type { TrustChainEnvironment } from './config.js';
import { SERVICE } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runTrustChain(
  config: TrustChainEnvironment,
  logger: Logger,
  signal: AbortSignal,
): Promise<Stoppable> {
  const identity = await openNodeIdentity(config);
  const own = await openServiceProcess(SERVICE, config, logger, signal);
  identity.watch(own.parts);
  const pool = await own.openPool(config.databaseUrl, config.databasePool);
  const service = await startTrustChain({ ...own.parts, config, pool, identity });
  own.started();
  return { stop: () => own.stop(() => service.stop()).finally(() => identity.close()) };
}
