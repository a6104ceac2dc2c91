import { type ConfigTable, type Environment, loadConfig } from '@dcp/node-kit';
import { nodeKeyMembers, nodeKeyNames, nodeKeySecrets, withNodeKey } from '@dcp/node-kit/node-key';
import { NODE_ID } from '@dcp/protocol';
import { z } from 'zod';

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
  healthPort: z.coerce.number().int().min(0).max(65_535).default(9_090).describe('/healthz, /readyz and /metrics'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  maxMembers: z.coerce.number().int().min(1).default(100_000).describe('Members of one channel'),
  maxSealedMembers: z.coerce.number().int().min(2).default(1_000).describe('Members of one e2ee channel'),
  maxOwnedChannels: z.coerce.number().int().min(1).default(1_000).describe('Channels that one user may own'),
  unsafeSkipSignatures: z
    .literal('benchmark')
    .optional()
    .describe('Accepts any signature; only for measuring what signatures cost'),
});

const schema = withNodeKey(settings);

export type ChannelEnvironment = z.output<typeof schema>;

/** What this service can be told; `home-node` reuses it. */
export const channelConfigTable: ConfigTable<typeof schema> = {
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
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
    maxMembers: 'DCP_MAX_MEMBERS',
    maxSealedMembers: 'DCP_MAX_E2EE_MEMBERS',
    maxOwnedChannels: 'DCP_MAX_OWNED_CHANNELS',
    unsafeSkipSignatures: 'DCP_UNSAFE_SKIP_SIGNATURES',
  },
  secrets: ['databaseUrl', 'natsPassword', ...nodeKeySecrets],
};

/** The part of the configuration that the module itself reads, wherever its database and bus come from. */
export type ChannelConfig = Pick<ChannelEnvironment, 'nodeKey' | 'nodeId'> &
  Partial<Pick<ChannelEnvironment, 'maxMembers' | 'maxSealedMembers' | 'maxOwnedChannels' | 'unsafeSkipSignatures'>>;

/** Reads the environment; throws a ConfigError with all faults at once. */
export function readConfig(env: Environment = process.env): ChannelEnvironment {
  return loadConfig(channelConfigTable, env);
}
