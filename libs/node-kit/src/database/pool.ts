import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import type { Logger } from '../logging/logger.js';
import { databaseFailure, failureCode } from './database-errors.js';

export interface PoolOptions {
  /** `postgresql://user:password@host:port/database`, also with `?host=/socket/folder` or `?sslmode=…`. */
  url: string;
  /** Connections at most. */
  max?: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  logger: Logger;
  /** Milliseconds that one statement may take on the server. */
  statementTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
}

export type { Pool, PoolClient };

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/**
 * A pool that has reached PostgreSQL once. Waits for a server that is away, with a line in the log now and then, because any
 * service may start first; a wrong password or a missing database is thrown at once.
 */
export async function createPool(options: PoolOptions): Promise<Pool> {
  const pool = new Pool(poolSettings(options));
  // Idle connections that break are replaced by the pool; without a listener the process would end.
  pool.on('error', (error) => {
    // A pool that is being closed loses its connections because it wants to.
    if (!pool.ending) options.logger.warn({ err: error }, 'lost a database connection');
  });
  try {
    await firstConnection(pool, options);
    return pool;
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function poolSettings(options: PoolOptions): PoolConfig {
  const statementTimeout = options.statementTimeoutMs ?? 10_000;
  return {
    connectionString: options.url,
    max: options.max ?? 10,
    application_name: options.applicationName,
    statement_timeout: statementTimeout,
    // The server's own limit comes first; this one is for a server that hangs.
    query_timeout: statementTimeout + 5_000,
    idle_in_transaction_session_timeout: 60_000,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
  };
}

async function firstConnection(pool: Pool, { logger, signal }: PoolOptions): Promise<void> {
  for (let attempts = 0; ; attempts++) {
    signal?.throwIfAborted();
    try {
      await pool.query('SELECT 1');
      return;
    } catch (error) {
      if (databaseFailure(error) === undefined) throw error;
      if (attempts % 10 === 0) logger.warn({ code: failureCode(error), attempts }, 'waiting for PostgreSQL');
      await delay(
        Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts),
        undefined,
        signal === undefined ? {} : { signal },
      );
    }
  }
}
