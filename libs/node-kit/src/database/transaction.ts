import { setTimeout as delay } from 'node:timers/promises';
import { databaseFailure, isRetryableTransaction } from './database-errors.js';
import type { Pool, PoolClient } from './pool.js';

export interface TransactionOptions {
  /** Tries in all when PostgreSQL reports a serialization failure or a deadlock. */
  attempts?: number;
  isolation?: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
}

/**
 * Runs `work` in one transaction and commits, or rolls back and rethrows. `work` may run again (40001, 40P01), so it must do nothing
 * outside the database. A database that is away is MAINTENANCE_MODE (9001): whether it committed is then unknown.
 */
export async function withTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const attempts = options.attempts ?? 5;
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(pool, work, options.isolation ?? 'READ COMMITTED');
    } catch (error) {
      if (!isRetryableTransaction(error) || attempt >= attempts) throw databaseFailure(error) ?? error;
      await delay(Math.random() * 10 * 2 ** attempt);
    }
  }
}

async function once<T>(pool: Pool, work: (client: PoolClient) => Promise<T>, isolation: string): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // A connection that ends between two statements tells nobody else; without a listener the process would end with it.
  const lost = () => {
    broken = true;
  };
  client.on('error', lost);
  try {
    await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
    const result = await work(client);
    const { command } = await client.query('COMMIT');
    // PostgreSQL answers so when a statement had failed and `work` hid it: nothing was kept.
    if (command === 'ROLLBACK') throw new Error('the transaction was rolled back: a failed statement was ignored');
    return result;
  } catch (error) {
    broken ||= databaseFailure(error) !== undefined && !isRetryableTransaction(error);
    if (!broken)
      broken = await client.query('ROLLBACK').then(
        () => false,
        () => true,
      );
    throw error;
  } finally {
    client.off('error', lost);
    // A connection in an unknown state must not serve the next caller.
    client.release(broken);
  }
}
