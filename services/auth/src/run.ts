import { type Logger, openServiceProcess, type Stoppable } from '@dcp/node-kit';
import { openNodeIdentity } from '@dcp/node-kit/node-key';
import { startAuth } from './auth.module.js';
import type { AuthEnvironment } from './config.js';
import { SCHEMA } from './database.js';

/** The service in a process of its own: opens what the module needs, and closes it after the module. */
export async function runAuth(config: AuthEnvironment, logger: Logger, signal: AbortSignal): Promise<Stoppable> {
  const identity = await openNodeIdentity(config);
  const own = await openServiceProcess(SCHEMA, config, logger, signal);
  identity.watch(own.parts);
  const pool = await own.openPool(config.databaseUrl, config.databasePool);
  const service = await startAuth({ ...own.parts, config, pool, identity });
  own.started();
  const invite = await service.ownerInvite();
  if (invite !== undefined) process.stdout.write(`Invite that makes its bearer the owner of the node: ${invite}\n`);
  return { stop: () => own.stop(() => service.stop()).finally(() => identity.close()) };
}
