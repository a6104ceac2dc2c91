import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { escapeIdentifier, type QueryConfig } from 'pg';
import type { Logger } from '../logging/logger.js';
import { type Migration, readMigrations } from './migration-folder.js';
import type { Pool, PoolClient } from './pool.js';

export interface MigrationOptions {
  pool: Pool;
  /** The service's own schema: its tables and the record of its migrations live there. */
  schema: string;
  /** Absolute path of `prisma/migrations`. */
  folder: string;
  logger: Logger;
}

/** The record that Prisma's own tools keep, so that they and we agree. */
const RECORD_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/** Prisma's advisory lock; ours takes the schema as its second half, so that services do not wait for each other. */
const LOCK_CLASS = 72_707_369;
const LOCK_POLL_MS = 100;
const MIGRATION_TIMEOUT_MS = 30 * 60 * 1000;

/**
 * Brings a schema up to date and returns the names of the migrations that were applied now. Each one is a transaction of its own
 * with its record, so a crash leaves none half done. Only one process migrates a schema at a time; the others wait, then find nothing to do.
 * Throws when an applied migration has changed since or failed under Prisma's tools.
 */
export async function applyMigrations(options: MigrationOptions): Promise<string[]> {
  const migrations = await readMigrations(options.folder);
  const client = await options.pool.connect();
  try {
    await lock(client, options);
    await prepareSchema(client, options.schema);
    return await applyMissing(client, migrations, options);
  } finally {
    // The connection carries the lock and its own settings: closing it gives up both.
    client.release(true);
  }
}

/** Polls instead of waiting in the server, where the statement timeout would end a long wait. */
async function lock(client: PoolClient, { schema, logger }: MigrationOptions): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { rows } = await client.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked',
      [LOCK_CLASS, schema],
    );
    if (rows[0]?.locked === true) return;
    if (tries % 50 === 0) logger.info({ schema }, 'waiting for another instance to migrate');
    await delay(LOCK_POLL_MS);
  }
}

/** A service's role may not create schemas, so this asks only when the schema is missing. */
async function prepareSchema(client: PoolClient, schema: string): Promise<void> {
  const name = escapeIdentifier(schema);
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${name}`);
  await client.query(`SET search_path TO ${name}`);
  await client.query('SET statement_timeout TO 0');
  await client.query('SET client_min_messages TO warning');
  await client.query(RECORD_TABLE);
}

async function applyMissing(client: PoolClient, migrations: Migration[], options: MigrationOptions): Promise<string[]> {
  const recorded = await readRecord(client, options);
  const applied: string[] = [];
  for (const migration of migrations) {
    const checksum = recorded.get(migration.name);
    if (checksum !== undefined) checkUnchanged(migration, checksum);
    else {
      await applyOne(client, migration, options);
      applied.push(migration.name);
    }
  }
  for (const { name } of migrations) recorded.delete(name);
  if (recorded.size > 0) {
    options.logger.warn(
      { schema: options.schema, migrations: [...recorded.keys()] },
      'the database is newer than this program',
    );
  }
  return applied;
}

async function readRecord(client: PoolClient, { schema }: MigrationOptions): Promise<Map<string, string>> {
  const { rows } = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null }>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  );
  for (const row of rows) {
    if (row.finished_at === null) {
      throw new Error(
        `Migration ${row.migration_name} of schema ${schema} is recorded as failed; repair it with "prisma migrate resolve".`,
      );
    }
  }
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

function checkUnchanged(migration: Migration, recorded: string): void {
  if (migration.checksum === recorded) return;
  throw new Error(
    `Migration ${migration.name} was applied to this database in another form (checksum ${recorded.slice(0, 12)}…, ` +
      `file ${migration.checksum.slice(0, 12)}…). An applied migration must not change: restore the file and add a new one.`,
  );
}

async function applyOne(client: PoolClient, migration: Migration, { schema, logger }: MigrationOptions): Promise<void> {
  const started = new Date();
  try {
    await client.query('BEGIN');
    await client.query({ text: migration.sql, query_timeout: MIGRATION_TIMEOUT_MS } as QueryConfig);
    // Qualified: a migration may have changed the search path.
    await client.query(
      `INSERT INTO ${escapeIdentifier(schema)}._prisma_migrations
         (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES ($1, $2, $3, $4, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name, started],
    );
    await client.query('COMMIT');
    logger.info({ schema, migration: migration.name, ms: Date.now() - started.getTime() }, 'migration applied');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw new Error(`Migration ${migration.name} of schema ${schema} failed; nothing of it was kept.`, {
      cause: error,
    });
  }
}
