import { openServiceProcess, type Logger, type Stoppable } from '@dcp/node-kit';
import type { readConfig } from './config.js';
import { startGateway } from './gateway.js';

/** The gateway as a process of its own: its bus connection and its health port around the module. */
export async function runGateway(
  { gateway, process: settings }: ReturnType<typeof readConfig>,
  logger: Logger,
  signal: AbortSignal,
): Promise<Stoppable> {
  const own = await openServiceProcess('gateway', settings, logger, signal);
  const running = await startGateway({ ...own.parts, config: gateway });
  own.started();
  return { stop: () => own.stop(() => running.stop()) };
}
