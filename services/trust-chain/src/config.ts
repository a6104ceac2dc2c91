import { type ConfigTable, type Environment, loadConfig } from '@dcp/node-kit';
import { nodeKeyMembers, nodeKeyNames, nodeKeySecrets, withNodeKey } from '@dcp/node-kit/node-key';
import { NODE_ID } from '@dcp/protocol';
import { z } from 'zod';

const everyMs = (standard: number) => z.coerce.number().int().min(50).max(3_600_000).default(standard);

const settings = z.object({
  databaseUrl: z.string().describe('PostgreSQL, as the role of this service'),
  databasePool: z.coerce.number().int().min(2).max(200).default(10).describe('Connections to PostgreSQL at most'),
  natsUrl: z.string().meta({ example: 'nats://127.0.0.1:4222' }).describe('NATS servers, separated by commas'),
  natsUser: z.string().optional().describe('Bus user of this service'),
  natsPassword: z.string().optional().describe('Its password'),
  busPrefix: z.string().default('dcp').describe('First word of every subject: several nodes may share one NATS'),
  ...nodeKeyMembers,
  nodeId: z
    .string()
    .regex(NODE_ID, { error: 'not a node id (8 of a-z, 0-9)' })
    .optional()
    .describe("Default: made from the node's public key"),
  knownNodesFile: z
    .string()
    .optional()
    .describe('JSON file of known nodes and their trust levels (§10.1)')
    .meta({ example: '/etc/dcp/known-nodes.json' }),
  syncMs: everyMs(60_000).describe('How often the logs of rated nodes are asked for'),
  sweepMs: everyMs(5_000).describe('How often it is told that a decision has ended'),
  maxLogEntries: z.coerce.number().int().min(1).default(100_000).describe('Entries of one log'),
  healthPort: z.coerce.number().int().min(0).max(65_535).default(9_090).describe('/healthz, /readyz and /metrics'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

const schema = withNodeKey(settings);

export type TrustChainEnvironment = z.output<typeof schema>;

/** What this service can be told; `home-node` reuses it. */
export const trustChainConfigTable: ConfigTable<typeof schema> = {
  schema,
  names: {
    databaseUrl: 'DATABASE_URL',
    databasePool: 'DCP_DATABASE_POOL',
    natsUrl: 'NATS_URL',
    natsUser: 'NATS_USER',
    natsPassword: 'NATS_PASSWORD',
    busPrefix: 'DCP_BUS_PREFIX',
    ...nodeKeyNames,
    nodeId: 'DCP_NODE_ID',
    knownNodesFile: 'DCP_KNOWN_NODES_FILE',
    syncMs: 'DCP_TRUST_SYNC_MS',
    sweepMs: 'DCP_TRUST_SWEEP_MS',
    maxLogEntries: 'DCP_MAX_TRUST_LOG',
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
  },
  secrets: ['databaseUrl', 'natsPassword', ...nodeKeySecrets],
};

type ModuleMember = 'nodeKey' | 'nodeId' | 'knownNodesFile' | 'syncMs' | 'sweepMs' | 'maxLogEntries';

/** The part of the configuration that the module itself reads, wherever its database and bus come from. */
export type TrustChainConfig = Pick<TrustChainEnvironment, ModuleMember>;

/** Reads the environment; throws a ConfigError with all faults at once. */
export function readConfig(env: Environment = process.env): TrustChainEnvironment {
  return loadConfig(trustChainConfigTable, env);
}
