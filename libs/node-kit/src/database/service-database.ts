import { Client, escapeIdentifier, escapeLiteral } from 'pg';

export interface ServiceDatabaseOptions {
  /** URL of a role that may create roles and schemas, with the database to use. */
  adminUrl: string;
  /** Name of the service, for example `trust-chain`. */
  service: string;
  /** Password of the service's role; an existing role gets it too. */
  password: string;
  /** Name of the role; `dcp_<service>` by default. Roles belong to the whole server, so installations that share one need their own. */
  role?: string;
}

const SERVICE_NAME = /^[a-z][a-z0-9-]{0,40}$/;
const LOCK_CLASS = 72_707_370;

/** The schema of a service: its name, with `_` for `-`. */
export function serviceSchema(service: string): string {
  if (!SERVICE_NAME.test(service)) throw new TypeError('a service is named with [a-z0-9-]');
  return service.replaceAll('-', '_');
}

/**
 * Gives a service its own role and its own schema and returns the URL for it. The role sees its schema only (`search_path`) and may
 * use no other. May be called again and at the same time by several processes.
 */
export async function ensureServiceDatabase(options: ServiceDatabaseOptions): Promise<string> {
  const schema = serviceSchema(options.service);
  const role = options.role ?? `dcp_${schema}`;
  const client = new Client({ connectionString: options.adminUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK_CLASS, role]);
    for (const statement of await statements(client, schema, role, options.password)) await client.query(statement);
    await client.query('COMMIT');
  } finally {
    await client.end();
  }
  return urlFor(options.adminUrl, role, options.password);
}

async function statements(client: Client, schema: string, role: string, password: string): Promise<string[]> {
  const [roleName, schemaName] = [escapeIdentifier(role), escapeIdentifier(schema)];
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  const database = escapeIdentifier(rows[0]?.name ?? '');
  const login = `LOGIN PASSWORD ${escapeLiteral(password)}`;
  return [
    `SET LOCAL client_min_messages TO warning`,
    `${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${roleName} WITH ${login}`,
    // An administrator that is no superuser must be a member before it may give a schema away.
    `GRANT ${roleName} TO CURRENT_USER`,
    `CREATE SCHEMA IF NOT EXISTS ${schemaName} AUTHORIZATION ${roleName}`,
    `REVOKE ALL ON SCHEMA ${schemaName} FROM PUBLIC`,
    `ALTER ROLE ${roleName} IN DATABASE ${database} SET search_path TO ${schemaName}`,
  ];
}

function urlFor(adminUrl: string, role: string, password: string): string {
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(role);
  url.password = encodeURIComponent(password);
  return url.href;
}
