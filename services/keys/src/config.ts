import { type ConfigTable, type Environment, loadConfig } from '@dcp/node-kit';
import { z } from 'zod';

const count = (standard: number) => z.coerce.number().int().min(1).default(standard);
const MIB = 1024 * 1024;

const schema = z.object({
  databaseUrl: z.string().describe('PostgreSQL, as the role of this service'),
  databasePool: z.coerce.number().int().min(2).max(200).default(10).describe('Connections to PostgreSQL at most'),
  natsUrl: z.string().meta({ example: 'nats://127.0.0.1:4222' }).describe('NATS servers, separated by commas'),
  natsUser: z.string().optional().describe('Bus user of this service'),
  natsPassword: z.string().optional().describe('Its password'),
  busPrefix: z.string().default('dcp').describe('First word of every subject: several nodes may share one NATS'),
  maxQueueItems: count(10_000).describe('Items that wait for one device'),
  maxQueueBytes: count(64 * MIB).describe('Their bytes'),
  maxOutgoingItems: count(100_000).describe('Keys that wait for one other node'),
  maxOutgoingBytes: count(256 * MIB).describe('Their bytes'),
  queueDays: count(30).describe('Days after which an item is given up'),
  maxBackupRecords: count(100_000).describe('Backup records of one account'),
  maxBackupBytes: count(64 * MIB).describe('Their bytes'),
  claimsAnHour: count(5).describe('Bundles with one-time prekeys that one user gets of a device within an hour'),
  sweepMs: z.coerce
    .number()
    .int()
    .min(50)
    .max(3_600_000)
    .default(30_000)
    .describe('How often old rows are looked for and counted'),
  healthPort: z.coerce.number().int().min(0).max(65_535).default(9_090).describe('/healthz, /readyz and /metrics'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

export type KeysEnvironment = z.output<typeof schema>;

/** What this service can be told; `home-node` reuses it. */
export const keysConfigTable: ConfigTable<typeof schema> = {
  schema,
  names: {
    databaseUrl: 'DATABASE_URL',
    databasePool: 'DCP_DATABASE_POOL',
    natsUrl: 'NATS_URL',
    natsUser: 'NATS_USER',
    natsPassword: 'NATS_PASSWORD',
    busPrefix: 'DCP_BUS_PREFIX',
    maxQueueItems: 'DCP_MAX_QUEUE_ITEMS',
    maxQueueBytes: 'DCP_MAX_QUEUE_BYTES',
    maxOutgoingItems: 'DCP_MAX_OUTGOING_ITEMS',
    maxOutgoingBytes: 'DCP_MAX_OUTGOING_BYTES',
    queueDays: 'DCP_QUEUE_DAYS',
    maxBackupRecords: 'DCP_MAX_BACKUP_RECORDS',
    maxBackupBytes: 'DCP_MAX_BACKUP_BYTES',
    claimsAnHour: 'DCP_CLAIMS_AN_HOUR',
    sweepMs: 'DCP_KEYS_SWEEP_MS',
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
  },
  secrets: ['databaseUrl', 'natsPassword'],
};

type ModuleMember =
  | 'maxQueueItems'
  | 'maxQueueBytes'
  | 'maxOutgoingItems'
  | 'maxOutgoingBytes'
  | 'queueDays'
  | 'maxBackupRecords'
  | 'maxBackupBytes'
  | 'claimsAnHour'
  | 'sweepMs';

/** The part of the configuration that the module itself reads, wherever its database and bus come from. */
export type KeysConfig = Pick<KeysEnvironment, ModuleMember>;

/** Reads the environment; throws a ConfigError with all faults at once. */
export function readConfig(env: Environment = process.env): KeysEnvironment {
  return loadConfig(keysConfigTable, env);
}
