import { type ConfigTable, type Environment, loadConfig } from '@dcp/node-kit';
import { nodeKeyMembers, nodeKeyNames, nodeKeySecrets, withNodeKey } from '@dcp/node-kit/node-key';
import { CHALLENGE_LIFETIME_MS, NODE_ID, REFRESH_AFTER_MS, SESSION_LIFETIME_MS } from '@dcp/protocol';
import { z } from 'zod';

/** Below this an open node on a network would be filled with accounts by one machine in an hour. */
const MIN_OPEN_WORK_BITS = 16;

const FEATURE = /^[a-z0-9_-]{1,40}$/;

const lifetime = (most: number) => z.coerce.number().int().min(1_000).max(most).default(most);

const settings = z
  .object({
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
    nodeRotationsFile: z
      .string()
      .optional()
      .describe("What changes of the node's key have left behind (dcp federation rotate-key)"),
    nodeName: z.string().max(200).default('DCP home node').describe('Name that people see'),
    publicUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Where clients reach the node')
      .meta({ example: 'https://chat.example.com' }),
    features: z
      .string()
      .default('e2ee,private-channels,direct-messages,key-backup')
      .transform((text) => text.split(',').flatMap((word) => word.trim() || []))
      .refine((words) => words.every((word) => FEATURE.test(word)), { error: 'not a list of words (a,b)' })
      .describe('What this node really serves beyond the core, separated by commas'),
    boundTo: z.enum(['loopback', 'network']).default('network').describe('Whether strangers can reach the node'),
    registration: z
      .enum(['open', 'invite', 'approval', 'closed'])
      .optional()
      .describe('Who may register; default open on loopback, else invite'),
    proofOfWorkBits: z.coerce
      .number()
      .int()
      .min(0)
      .max(26)
      .default(0)
      .describe('Work that a registration costs the client'),
    sessionLifetimeMs: lifetime(SESSION_LIFETIME_MS),
    refreshAfterMs: lifetime(REFRESH_AFTER_MS),
    challengeLifetimeMs: lifetime(CHALLENGE_LIFETIME_MS),
    sweepMs: z.coerce
      .number()
      .int()
      .min(50)
      .max(3_600_000)
      .default(5_000)
      .describe('How often ended accounts and old rows are looked for'),
    healthPort: z.coerce.number().int().min(0).max(65_535).default(9_090).describe('/healthz, /readyz and /metrics'),
    logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  })
  .refine(isSafe, {
    path: ['proofOfWorkBits'],
    error: `open registration on a network fills up with accounts of machines: set it to ${MIN_OPEN_WORK_BITS} or more, or DCP_REGISTRATION to invite`,
  });

const schema = withNodeKey(settings);

export type AuthEnvironment = z.output<typeof schema>;

/** What this service can be told; `home-node` reuses it. */
export const authConfigTable: ConfigTable<typeof schema> = {
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
    nodeRotationsFile: 'DCP_NODE_ROTATIONS_FILE',
    nodeName: 'DCP_NODE_NAME',
    publicUrl: 'DCP_PUBLIC_URL',
    features: 'DCP_FEATURES',
    boundTo: 'DCP_BOUND_TO',
    registration: 'DCP_REGISTRATION',
    proofOfWorkBits: 'DCP_PROOF_OF_WORK_BITS',
    sessionLifetimeMs: 'DCP_SESSION_LIFETIME_MS',
    refreshAfterMs: 'DCP_REFRESH_AFTER_MS',
    challengeLifetimeMs: 'DCP_CHALLENGE_LIFETIME_MS',
    sweepMs: 'DCP_SWEEP_MS',
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
  },
  secrets: ['databaseUrl', 'natsPassword', ...nodeKeySecrets],
};

type ModuleMember =
  | 'nodeKey'
  | 'nodeId'
  | 'nodeRotationsFile'
  | 'nodeName'
  | 'publicUrl'
  | 'features'
  | 'boundTo'
  | 'registration'
  | 'proofOfWorkBits'
  | 'sessionLifetimeMs'
  | 'refreshAfterMs'
  | 'challengeLifetimeMs'
  | 'sweepMs';

/** The part of the configuration that the module itself reads, wherever its database and bus come from. */
export type AuthConfig = Pick<AuthEnvironment, ModuleMember>;

/** Reads the environment; throws a ConfigError with all faults at once. */
export function readConfig(env: Environment = process.env): AuthEnvironment {
  return loadConfig(authConfigTable, env);
}

/** Profile §3: loopback is open, everything else asks for an invite. */
export function registrationOf({ registration, boundTo }: Pick<AuthConfig, 'registration' | 'boundTo'>) {
  return registration ?? (boundTo === 'loopback' ? 'open' : 'invite');
}

/** Profile §3: where only this machine's users come, the first account owns the node; elsewhere the owner's invite makes the owner. */
export function firstOwns(config: Pick<AuthConfig, 'registration' | 'boundTo'>): boolean {
  const policy = registrationOf(config);
  return config.boundTo === 'loopback' && (policy === 'open' || policy === 'approval');
}

function isSafe(config: { registration?: string | undefined; boundTo: string; proofOfWorkBits: number }): boolean {
  return !(
    config.registration === 'open' &&
    config.boundTo === 'network' &&
    config.proofOfWorkBits < MIN_OPEN_WORK_BITS
  );
}
