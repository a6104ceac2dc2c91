import { mkdir, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DcpError } from '@dcp/protocol';
import { applyMigrations } from '../src/database/migrations.js';
import { createPool, type Pool, type PoolOptions } from '../src/database/pool.js';
import { ensureServiceDatabase } from '../src/database/service-database.js';
import { withTransaction } from '../src/database/transaction.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.js';
import { createLogger, silentLogger } from '../src/logging/logger.js';
import { newFolder, query, removeFolders } from './running.js';

let dataDir = '';
let server: EmbeddedPostgres;
const pools: Pool[] = [];

beforeAll(async () => {
  dataDir = await newFolder();
  server = await startEmbeddedPostgres({ dataDir, fast: true });
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
});
afterAll(async () => {
  await server.stop();
  await removeFolders();
});

async function pool(url: string, more: Partial<PoolOptions> = {}): Promise<Pool> {
  const made = await createPool({ url, applicationName: 'test', logger: silentLogger, ...more });
  pools.push(made);
  return made;
}

let services = 0;
const newService = () => `service-${++services}`;
const serviceUrl = (service: string) =>
  ensureServiceDatabase({ adminUrl: server.adminUrl, service, password: "p'w/:@" });

describe('ensureServiceDatabase', () => {
  it('gives each service a role and a schema of its own', async () => {
    const url = await serviceUrl('trust-chain');
    await query(url, 'CREATE TABLE decisions (id int)');
    expect(
      await query(url, "SELECT current_user::text AS role, schemaname FROM pg_tables WHERE tablename = 'decisions'"),
    ).toEqual([{ role: 'dcp_trust_chain', schemaname: 'trust_chain' }]);
  });

  it('may be called again, at the same time too, and changes the password', async () => {
    const service = newService();
    const urls = await Promise.all(Array.from({ length: 8 }, () => serviceUrl(service)));
    expect(new Set(urls).size).toBe(1);
    const changed = await ensureServiceDatabase({ adminUrl: server.adminUrl, service, password: 'other' });
    expect(await query(changed, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await expect(query(urls[0] as string, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  it.each([
    ['read', 'SELECT * FROM %.secrets'],
    ['write', 'INSERT INTO %.secrets VALUES (2)'],
    ['create in', 'CREATE TABLE %.mine (id int)'],
    ['grant itself', 'GRANT dcp_% TO CURRENT_USER'],
    ['drop', 'DROP SCHEMA % CASCADE'],
    ['make a role in', 'CREATE ROLE evil_%'],
    ['make a schema beside', 'CREATE SCHEMA evil_%'],
    ['write the public schema, not', 'CREATE TABLE public.%_mine (id int)'],
  ])('does not let a service %s another one’s schema', async (_what, sql) => {
    const [victim, other] = [newService(), newService()];
    await query(await serviceUrl(victim), 'CREATE TABLE secrets AS SELECT 1 AS id');
    const attempt = query(await serviceUrl(other), sql.replaceAll('%', victim.replaceAll('-', '_')));
    await expect(attempt).rejects.toThrow(/permission denied|must be owner/);
  });

  it('works for an administrator that is no superuser', async () => {
    await query(server.adminUrl, "CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'm'");
    await query(server.adminUrl, 'CREATE DATABASE managed OWNER manager');
    const adminUrl = server.adminUrl.replace(/\/\/.*@/, '//manager:m@').replace(/postgres$/, 'managed');
    const url = await ensureServiceDatabase({ adminUrl, service: 'keys', password: 'x', role: 'managed_keys' });
    await query(url, 'CREATE TABLE prekeys (id int)');
    await ensureServiceDatabase({ adminUrl, service: 'keys', password: 'x', role: 'managed_keys' });
    await expect(ensureServiceDatabase({ adminUrl, service: 'a; DROP', password: 'x' })).rejects.toThrow(TypeError);
  });
});

describe('createPool', () => {
  it('waits for a server that starts later, and says so', async () => {
    const { adminUrl, port } = server;
    await server.stop();
    const lines: string[] = [];
    const logger = createLogger({ service: 't', destination: { write: (line) => void lines.push(line) } });
    const connecting = pool(adminUrl, { logger });
    server = await startEmbeddedPostgres({ dataDir, port, fast: true });
    expect((await (await connecting).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(lines.join('')).toContain('waiting for PostgreSQL');
  });

  it('stops waiting when asked', async () => {
    const stop = new AbortController();
    const connecting = pool('postgresql://u:hidden@127.0.0.1:1/x', { signal: stop.signal });
    stop.abort();
    await expect(connecting).rejects.toThrow('abort');
  });

  it('fails at once with a wrong password or a missing database', async () => {
    await expect(pool(server.adminUrl.replace(/\/\/.*@/, '//postgres:wrong@'))).rejects.toMatchObject({
      code: '28P01',
    });
    await expect(pool(`${server.adminUrl}_none`)).rejects.toMatchObject({ code: '3D000' });
  });

  it('names itself and limits statements', async () => {
    const made = await pool(server.adminUrl, { applicationName: 'dcp-channel', statementTimeoutMs: 50 });
    expect((await made.query('SHOW application_name')).rows).toEqual([{ application_name: 'dcp-channel' }]);
    await expect(withTransaction(made, (client) => client.query('SELECT pg_sleep(60)'))).rejects.toMatchObject({
      code: 'MAINTENANCE_MODE',
    });
  });

  it('lives through a restart of the server: 9001 meanwhile, then it works again', async () => {
    const made = await pool(server.adminUrl);
    const { port } = server;
    process.kill(server.pid, 'SIGKILL');
    await server.ended;
    await expect(withTransaction(made, (client) => client.query('SELECT 1'))).rejects.toMatchObject({
      code: 'MAINTENANCE_MODE',
      details: { reason: 'unavailable' },
    });
    server = await startEmbeddedPostgres({ dataDir, port, fast: true });
    expect((await withTransaction(made, (client) => client.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
  });
});

describe('withTransaction', () => {
  async function counters(): Promise<Pool> {
    const made = await pool(await serviceUrl(newService()));
    await made.query('CREATE TABLE counters AS SELECT id, 0 AS n FROM generate_series(1, 2) id');
    return made;
  }
  const values = async (made: Pool) =>
    (await made.query<{ n: number }>('SELECT n FROM counters ORDER BY id')).rows.map(({ n }) => n);

  it('commits what it returns, and rolls back what it throws', async () => {
    const made = await counters();
    expect(
      await withTransaction(made, async (client) => (await client.query('UPDATE counters SET n = 1')).rowCount),
    ).toBe(2);
    const failing = withTransaction(made, async (client) => {
      await client.query('UPDATE counters SET n = 2');
      throw new DcpError('CONFLICT');
    });
    await expect(failing).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await values(made)).toEqual([1, 1]);
  });

  it('a connection that ends between two statements ends the transaction, not the process', async () => {
    const made = await counters();
    const ended = withTransaction(made, async (client) => {
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const gone = new Promise((resolve) => client.once('end', resolve));
      await made.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await gone;
      return await client.query('select 1');
    });
    await expect(ended).rejects.toBeDefined();
    expect(await withTransaction(made, async (client) => (await client.query('select 1')).rowCount)).toBe(1);
  });

  it('runs again after a serialization failure', async () => {
    const made = await counters();
    let runs = 0;
    const increment = () =>
      withTransaction(
        made,
        async (client) => {
          runs++;
          const { rows } = await client.query<{ n: number }>('SELECT n FROM counters WHERE id = 1');
          await client.query('UPDATE counters SET n = $1 WHERE id = 1', [(rows[0]?.n ?? 0) + 1]);
        },
        { isolation: 'SERIALIZABLE', attempts: 50 },
      );
    await Promise.all(Array.from({ length: 8 }, increment));
    expect((await values(made))[0]).toBe(8);
    expect(runs).toBeGreaterThan(8);
  });

  it('runs again after a deadlock', async () => {
    const made = await counters();
    let firstLocks = 0;
    let bothLocked = () => {};
    const locked = new Promise<void>((resolve) => (bothLocked = resolve));
    const both = (first: number, second: number) =>
      withTransaction(made, async (client) => {
        await client.query('UPDATE counters SET n = n + 1 WHERE id = $1', [first]);
        if (++firstLocks === 2) bothLocked();
        await locked;
        await client.query('UPDATE counters SET n = n + 1 WHERE id = $1', [second]);
      });
    await Promise.all([both(1, 2), both(2, 1)]);
    expect(await values(made)).toEqual([2, 2]);
    expect(firstLocks).toBeGreaterThan(2);
  });

  it('gives up after its attempts', async () => {
    const made = await counters();
    let runs = 0;
    const failing = withTransaction(
      made,
      async () => {
        runs++;
        throw Object.assign(new Error('serialize'), { code: '40001' });
      },
      { attempts: 3 },
    );
    await expect(failing).rejects.toMatchObject({ code: 'MAINTENANCE_MODE' });
    expect(runs).toBe(3);
  });

  it('does not take a hidden failure for a commit', async () => {
    const made = await counters();
    const hiding = withTransaction(made, async (client) => {
      await client.query('UPDATE counters SET n = 9');
      await client.query('SELECT broken').catch(() => {});
    });
    await expect(hiding).rejects.toThrow('rolled back');
    expect(await values(made)).toEqual([0, 0]);
  });

  it('gives no connection in an unknown state to the next caller', async () => {
    const made = await pool(server.adminUrl, { max: 1 });
    const { rows } = await made.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const lost = withTransaction(made, (client) => client.query('SELECT pg_terminate_backend(pg_backend_pid())'));
    await expect(lost).rejects.toMatchObject({ code: 'MAINTENANCE_MODE' });
    const next = await made.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    expect(next.rows[0]?.pid).not.toBe(rows[0]?.pid);
  });
});

describe('applyMigrations', () => {
  const first = { '20260101000000_init': 'CREATE TABLE entries (id int PRIMARY KEY);\nCREATE INDEX ON entries (id);' };
  const second = { ...first, '20260102000000_more': 'ALTER TABLE entries ADD COLUMN note text; -- ä' };

  async function migrationsFolder(files: Record<string, string>): Promise<string> {
    const folder = await newFolder();
    await writeFile(join(folder, 'migration_lock.toml'), 'provider = "postgresql"');
    for (const [name, sql] of Object.entries(files)) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'migration.sql'), sql);
    }
    return folder;
  }

  async function freshSchema() {
    const service = newService();
    const schema = service.replaceAll('-', '_');
    const made = await pool(await serviceUrl(service));
    const migrate = async (files: Record<string, string>, by = made) =>
      applyMigrations({ pool: by, schema, folder: await migrationsFolder(files), logger: silentLogger });
    return { pool: made, schema, migrate };
  }

  it('applies what is missing, in order, once, and records it as Prisma does', async () => {
    const { pool, migrate } = await freshSchema();
    expect(await migrate(first)).toEqual(['20260101000000_init']);
    expect(await migrate(second)).toEqual(['20260102000000_more']);
    expect(await migrate(second)).toEqual([]);
    await pool.query("INSERT INTO entries VALUES (1, 'x')");
    const { rows } = await pool.query(
      `SELECT migration_name, checksum, applied_steps_count, logs, rolled_back_at, finished_at >= started_at AS finished
       FROM _prisma_migrations ORDER BY 1`,
    );
    expect(rows).toEqual(
      Object.entries(second).map(([migration_name, sql]) => ({
        migration_name,
        checksum: createHash('sha256').update(sql).digest('hex'),
        applied_steps_count: 1,
        logs: null,
        rolled_back_at: null,
        finished: true,
      })),
    );
  });

  it('lets instances that start at once wait for the first', async () => {
    const { pool: made, schema } = await freshSchema();
    const folder = await migrationsFolder({ ...second, '20260103000000_slow': 'SELECT pg_sleep(0.2);' });
    const run = () => applyMigrations({ pool: made, schema, folder, logger: silentLogger });
    const applied = await Promise.all([run(), run(), run()]);
    expect(applied.map(({ length }) => length).sort()).toEqual([0, 0, 3]);
  });

  it('keeps nothing of a migration that fails, and goes on from there when it is repaired', async () => {
    const { pool: made, migrate } = await freshSchema();
    const broken = { ...first, '20260102000000_more': 'CREATE TABLE half (id int); SELECT broken;' };
    await expect(migrate(broken)).rejects.toThrow('Migration 20260102000000_more');
    expect((await made.query("SELECT to_regclass('half') AS half")).rows).toEqual([{ half: null }]);
    expect(await migrate(second)).toEqual(['20260102000000_more']);
  });

  it('refuses an applied migration that has changed', async () => {
    const { migrate } = await freshSchema();
    await migrate(first);
    await expect(migrate({ '20260101000000_init': 'SELECT 1' })).rejects.toThrow(
      'Migration 20260101000000_init was applied to this database in another form',
    );
  });

  it('refuses a migration that Prisma’s tools recorded as failed', async () => {
    const { pool: made, migrate } = await freshSchema();
    await migrate(first);
    await made.query('UPDATE _prisma_migrations SET finished_at = NULL');
    await expect(migrate(second)).rejects.toThrow('prisma migrate resolve');
  });

  it('accepts a database that is newer than the program, with a warning', async () => {
    const { pool: made, schema, migrate } = await freshSchema();
    await migrate(second);
    const lines: string[] = [];
    const logger = createLogger({ service: 't', destination: { write: (line) => void lines.push(line) } });
    const folder = await migrationsFolder(first);
    expect(await applyMigrations({ pool: made, schema, folder, logger })).toEqual([]);
    expect(lines.join('')).toContain('the database is newer than this program');
  });

  it('may take longer than the pool’s statements', async () => {
    const { schema, migrate } = await freshSchema();
    const url = await serviceUrl(schema.replaceAll('_', '-'));
    const hasty = await pool(url, { statementTimeoutMs: 100 });
    const slow = { ...first, '20260103000000_slow': 'SELECT pg_sleep(0.5);' };
    expect(await migrate(slow, hasty)).toHaveLength(2);
    expect((await hasty.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '100ms' }]);
  });

  it('makes the schema when its role may', async () => {
    const made = await pool(server.adminUrl);
    const folder = await migrationsFolder(first);
    await applyMigrations({ pool: made, schema: 'made_here', folder, logger: silentLogger });
    expect((await made.query('SELECT * FROM made_here.entries')).rowCount).toBe(0);
    expect((await made.query("SELECT to_regclass('entries') AS here")).rows).toEqual([{ here: null }]);
  });
});
