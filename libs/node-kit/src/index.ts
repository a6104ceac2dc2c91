export * from './bus/bus.js';
export { type BusFailureReason, busFailure } from './bus/bus-failure.js';
export { createInProcessBus, type InProcessBusOptions } from './bus/in-process-bus.js';
export { connectNatsBus, type NatsBusOptions } from './bus/nats-bus.js';
export { natsServerConfig, type NatsServerConfig, type NatsUser } from './bus/nats-permissions.js';
export * from './clock.js';
export { ConfigError, type ConfigFault } from './config/config-error.js';
export type { ConfigTable, Environment } from './config/config-table.js';
export { describeConfig } from './config/describe-config.js';
export { loadConfig } from './config/load-config.js';
export { databaseFailure, failureCode, isRetryableTransaction } from './database/database-errors.js';
export { Gathered } from './database/gathered.js';
export { applyMigrations, type MigrationOptions } from './database/migrations.js';
export { createPool, type Pool, type PoolClient, type PoolOptions } from './database/pool.js';
export { ensureServiceDatabase, type ServiceDatabaseOptions, serviceSchema } from './database/service-database.js';
export { type TransactionOptions, withTransaction } from './database/transaction.js';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded-postgres/embedded-postgres.js';
export { PostgresStartError } from './embedded-postgres/start-error.js';
export { type BusError, fromBus, toBus } from './errors/bus-error.js';
export { asFailure, reportFailure } from './errors/failure.js';
export { type ErrorFrame, toFrame } from './errors/to-frame.js';
export { type HttpFailure, toHttp } from './errors/to-http.js';
export { createHealth, type Health, type HealthCheck, type HealthReport } from './health/health.js';
export { type HealthServer, type HealthServerOptions, startHealthServer } from './health/health-server.js';
export {
  openServiceProcess,
  type ProcessConfig,
  type ProcessParts,
  type ServiceProcess,
} from './lifecycle/service-process.js';
export { runService, type ServiceRun, type Stoppable } from './lifecycle/run-service.js';
export { createLogger, type Logger, type LoggerOptions, type LogLevel, silentLogger } from './logging/logger.js';
export { newRequestId, randomId } from './logging/request-id.js';
export { createMetrics, DURATION_BUCKETS, type MetricName, type Metrics } from './metrics/metrics.js';
