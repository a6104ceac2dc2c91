import type { Bus } from '../bus/bus.js';
import { connectNatsBus } from '../bus/nats-bus.js';
import { type Clock, systemClock } from '../clock.js';
import { createPool, type Pool } from '../database/pool.js';
import { createHealth, type Health } from '../health/health.js';
import { startHealthServer } from '../health/health-server.js';
import type { Logger } from '../logging/logger.js';
import { createMetrics, type Metrics } from '../metrics/metrics.js';

/** What every service process is told, whatever else it reads. */
export interface ProcessConfig {
  /** NATS servers, separated by commas. */
  natsUrl: string;
  natsUser?: string | undefined;
  natsPassword?: string | undefined;
  busPrefix: string;
  healthPort: number;
}

/** What a module is given by the process around it. */
export interface ProcessParts {
  bus: Bus;
  logger: Logger;
  metrics: Metrics;
  health: Health;
  clock: Clock;
}

export interface ServiceProcess {
  parts: ProcessParts;
  /** A pool that is closed with the process. */
  openPool(url: string, max: number): Promise<Pool>;
  /** From now on `/readyz` asks the module's own checks; before that it says what the process waits for. */
  started(): void;
  /** Not ready any more; `stopModule` ends the module, then everything that was opened is closed in reverse order. */
  stop(stopModule: () => Promise<unknown>): Promise<void>;
}

/**
 * Opens what a service needs when it is a process of its own: the health port first, so that an orchestrator sees the wait, then the
 * bus, which may come up later than the service.
 */
export async function openServiceProcess(
  service: string,
  config: ProcessConfig,
  logger: Logger,
  signal: AbortSignal,
): Promise<ServiceProcess> {
  const metrics = createMetrics({ service });
  const health = createHealth();
  const server = await startHealthServer({ health, metrics, port: config.healthPort });
  const starting = health.register('start', () => {
    throw new Error('waiting for what this service needs');
  });
  const bus = await connectNatsBus({ ...busOptions(config), name: service, logger, metrics, signal });
  const close: (() => Promise<unknown>)[] = [() => server.stop(), () => bus.close()];
  return {
    parts: { bus, logger, metrics, health, clock: systemClock },
    openPool: async (url, max) => {
      const pool = await createPool({ url, max, applicationName: `dcp-${service}`, logger, signal });
      close.push(() => pool.end());
      return pool;
    },
    started: () => starting.unsubscribe(),
    stop: async (stopModule) => {
      health.setDraining();
      await stopModule();
      for (const step of close.toReversed()) await step();
    },
  };
}

function busOptions({ natsUrl, natsUser, natsPassword, busPrefix: prefix }: ProcessConfig) {
  return {
    servers: natsUrl.split(','),
    prefix,
    ...(natsUser === undefined ? {} : { user: natsUser }),
    ...(natsPassword === undefined ? {} : { password: natsPassword }),
  };
}
