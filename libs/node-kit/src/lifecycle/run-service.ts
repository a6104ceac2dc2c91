import { ConfigError } from '../config/config-error.js';
import { isError } from '../errors/is-error.js';
import type { Logger } from '../logging/logger.js';

export interface Stoppable {
  stop(): Promise<void>;
}

export interface ServiceRun {
  name: string;
  /** Resolves when the service is up. The signal fires when it shall stop while it still waits for something. */
  start: (signal: AbortSignal) => Promise<Stoppable>;
  logger: Logger;
  /** How long stopping may take before the process ends anyway. */
  stopTimeoutMs?: number;
}

/** 0 after an orderly stop, 1 after a failure, 78 (EX_CONFIG) for a bad configuration, 130 when a second signal cut it short. */
const EXIT = { done: 0, failed: 1, configuration: 78, interrupted: 130 } as const;

/**
 * Runs a service until SIGTERM or SIGINT: the first asks it to stop, the second ends the process at once. An error that nobody
 * caught ends it too, loudly: its state is unknown.
 */
export async function runService({ name, start, logger, stopTimeoutMs = 30_000 }: ServiceRun): Promise<void> {
  const abort = new AbortController();
  watchErrors(logger);
  // A signal may come while `start` still runs, so the answer to it must be ready before.
  watchSignals(logger, () => {
    abort.abort(new Error('stopped by a signal'));
    void stop(started, logger, stopTimeoutMs);
  });
  const started = Promise.resolve().then(() => start(abort.signal));
  try {
    await started;
    logger.info(`${name} is up`);
  } catch (error) {
    if (abort.signal.aborted) return;
    reportStartFailure(logger, name, error);
    process.exit(error instanceof ConfigError ? EXIT.configuration : EXIT.failed);
  }
}

function watchSignals(logger: Logger, onFirst: () => void): void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    logger.info({ signal }, signals === 1 ? 'stopping' : 'stopping at once');
    if (signals > 1) process.exit(EXIT.interrupted);
    onFirst();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function watchErrors(logger: Logger): void {
  const die = (what: string) => (error: unknown) => {
    logger.fatal({ err: isError(error) ? error : new Error('a value that is no error was thrown') }, what);
    process.exit(EXIT.failed);
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));
}

async function stop(started: Promise<Stoppable>, logger: Logger, timeoutMs: number): Promise<void> {
  const guard = setTimeout(() => {
    logger.error({ timeout_ms: timeoutMs }, 'stopping took too long');
    process.exit(EXIT.failed);
  }, timeoutMs);
  try {
    const service = await started.catch(() => undefined);
    await service?.stop();
  } catch (error) {
    logger.error({ err: error }, 'stopping failed');
    process.exit(EXIT.failed);
  }
  clearTimeout(guard);
  logger.info('stopped');
  process.exit(EXIT.done);
}

/** A fault of the configuration is for a person: its text goes out as it is. */
function reportStartFailure(logger: Logger, name: string, error: unknown): void {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else logger.fatal({ err: error }, `${name} could not start`);
}
