import { loadConfig, type ConfigTable, type Environment } from '@dcp/node-kit';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.object({
  dataDir: z.string().default(defaultDataDir()).describe('Where the database, the node key and the passwords lie'),
  databaseUrl: z
    .string()
    .optional()
    .describe('A PostgreSQL of your own (a role that may create roles and schemas) instead of the embedded one'),
  healthPort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8108)
    .describe('Port of /healthz, /readyz and /metrics, on the loopback address'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error'])
    .default('warn')
    .describe('What is logged besides the lines on the screen'),
});

export type HomeNodeConfig = z.output<typeof schema>;

const table: ConfigTable<typeof schema> = {
  schema,
  names: {
    dataDir: 'DCP_DATA_DIR',
    databaseUrl: 'DATABASE_URL',
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
  },
  secrets: ['databaseUrl'],
};

/** One place for each user; for root, where a system service keeps its data. */
function defaultDataDir(): string {
  if (process.getuid?.() === 0) return '/var/lib/dcp/home-node';
  return join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'dcp');
}

export function readConfig(env: Environment = process.env): HomeNodeConfig {
  return loadConfig(table, env);
}
