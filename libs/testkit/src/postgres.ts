import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, ensureServiceDatabase, randomId, startEmbeddedPostgres } from '@dcp/node-kit';
import { Client } from 'pg';

export interface TestPostgres {
  /** An administrator's URL of a fresh database. */
  readonly url: string;
  /** A role and schema of a service's own in that database. */
  serviceUrl(service: string): Promise<string>;
  /** Stops the server and removes everything. */
  stop(): Promise<void>;
  /** SIGKILL to the server. Only with the embedded one. */
  kill(): Promise<void>;
  /** Starts again on the same port with the same data, after `kill` or instead of it. Only with the embedded one. */
  restart(): Promise<void>;
}

/** A PostgreSQL for one test file: a fresh database of the server in DATABASE_URL, else an embedded server of its own (0.6 s). */
export async function startPostgres(): Promise<TestPostgres> {
  const given = process.env['DATABASE_URL'];
  return given === undefined || given === '' ? startEmbedded() : createDatabase(given);
}

async function startEmbedded(): Promise<TestPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dcp-pg-'));
  // The server runs as another user when we are root.
  await chmod(dataDir, 0o711);
  let server = await startEmbeddedPostgres({ dataDir, fast: true });
  const { adminUrl: url, port } = server;
  return {
    url,
    serviceUrl: (service) => ensureServiceDatabase({ adminUrl: url, service, password: 'secret' }),
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
    kill: () => killServer(server),
    restart: async () => {
      await server.stop();
      server = await startEmbeddedPostgres({ dataDir, port, fast: true });
    },
  };
}

async function killServer(server: EmbeddedPostgres): Promise<void> {
  process.kill(server.pid, 'SIGKILL');
  await server.ended;
}

async function createDatabase(adminUrl: string): Promise<TestPostgres> {
  const name = `dcp_test_${randomId(8)}`;
  await query(adminUrl, [`CREATE DATABASE ${name}`]);
  const address = new URL(adminUrl);
  address.pathname = `/${name}`;
  const url = address.href;
  const roles = new Set<string>();
  const refused = async (): Promise<void> => {
    throw new Error('the server of DATABASE_URL is not ours to kill: unset DATABASE_URL for this test');
  };
  return {
    url,
    serviceUrl: (service) => {
      const role = `${name}_${service.replaceAll('-', '_')}`;
      roles.add(role);
      return ensureServiceDatabase({ adminUrl: url, service, password: 'secret', role });
    },
    stop: () =>
      query(adminUrl, [
        `DROP DATABASE ${name} WITH (FORCE)`,
        ...[...roles].map((role) => `DROP ROLE IF EXISTS ${role}`),
      ]),
    kill: refused,
    restart: refused,
  };
}

async function query(url: string, statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
