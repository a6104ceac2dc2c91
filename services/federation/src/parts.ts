import type { Bus, Clock, Health, Logger, Metrics, Pool } from '@dcp/node-kit';
import type { NodeIdentity } from '@dcp/node-kit/node-key';
import type { FederationConfig } from './config.js';

/** What the module is given: it opens no connection itself, so that it can live alone or in one process with others. */
export interface Parts {
  config: FederationConfig;
  bus: Bus;
  /** Connections whose search path is the schema `federation`, as the role of this service has it. */
  pool: Pool;
  logger: Logger;
  metrics: Metrics;
  health: Health;
  clock: Clock;
  /** The node's key, where it lies in an HSM; else it is the seed of the configuration. */
  identity?: NodeIdentity;
}
