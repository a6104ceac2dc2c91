import { type ConfigTable, type Environment, loadConfig } from '@dcp/node-kit';
import { nodeKeyMembers, nodeKeyNames, nodeKeySecrets, withNodeKey } from '@dcp/node-kit/node-key';
import { NODE_ID } from '@dcp/protocol';
import { z } from 'zod';

const count = (standard: number) => z.coerce.number().int().min(1).default(standard);
const milliseconds = (standard: number) => z.coerce.number().int().min(20).max(3_600_000).default(standard);

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
    host: z.string().default('0.0.0.0').describe('Where other nodes connect'),
    port: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(8_448)
      .describe('TLS port for other nodes; 0: any free one'),
    url: z
      .url({ protocol: /^wss$/ })
      .optional()
      .describe('Where other nodes find that port; default from the public URL or host and port')
      .meta({ example: 'wss://chat.example.com:8448/federation/v1' }),
    tlsCertFile: z.string().optional().describe('Certificate chain (PEM); default: one that the node makes and keeps'),
    tlsKeyFile: z.string().optional().describe('Its private key (PEM)'),
    edgeCertFiles: z
      .string()
      .default('')
      .transform((text) => text.split(',').flatMap((word) => word.trim() || []))
      .describe('Certificates (PEM files, separated by commas) of an edge that ends TLS before the port: mode spki'),
    knownNodesFile: z.string().optional().describe('JSON file with known_nodes (§10.1)'),
    dnsServers: z
      .string()
      .default('')
      .transform((text) => text.split(',').flatMap((word) => word.trim() || []))
      .describe('DNS servers (address or address:port), separated by commas; default: those of the machine'),
    allowPrivate: z
      .stringbool()
      .optional()
      .describe('Whether nodes may be looked for at private addresses; default: only when bound to loopback'),
    presence: z
      .stringbool()
      .default(false)
      .describe('Whether nodes that are rated, and not blocked, hear which users are there, and are heard'),
    presenceGraceMs: milliseconds(30_000).describe(
      'The users of a node to which there is no link for so long are shown offline',
    ),
    maxLinks: count(1_000).describe('Links to other nodes at most'),
    maxPeers: count(100_000).describe('Nodes that are remembered'),
    maxWaiting: count(1_024).describe('Questions to one node that wait for answers'),
    maxInFlight: count(256).describe('Questions of one node that are being answered'),
    unknownAsksAMinute: count(120).describe('Questions of a node that nobody has rated, a minute'),
    maxBuffered: count(8 * 1024 * 1024).describe('Bytes that a slow node may leave unread before its link is closed'),
    leaseMs: milliseconds(3_000).describe('After so long another instance takes over the links of one that is gone'),
    pingMs: milliseconds(25_000).describe('How often a quiet link is tried'),
    deadMs: milliseconds(60_000).describe('A link on which nothing was heard for so long is given up'),
    retryMs: milliseconds(1_000).describe('First delay before a node is tried again (§14.3: 1 s); doubles up to 60 s'),
    scanMs: milliseconds(30_000).describe('How often all channels with members elsewhere are looked through'),
    sweepMs: milliseconds(60_000).describe('How often old rows are removed'),
    healthPort: z.coerce.number().int().min(0).max(65_535).default(9_090).describe('/healthz, /readyz and /metrics'),
    logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  })
  .refine(({ edgeCertFiles, url }) => edgeCertFiles.length === 0 || url !== undefined, {
    path: ['url'],
    error: 'behind an edge others find the port at the address of the edge: say which',
  })
  .refine(({ tlsCertFile, tlsKeyFile }) => (tlsCertFile === undefined) === (tlsKeyFile === undefined), {
    path: ['tlsKeyFile'],
    error: 'a certificate needs its key, and a key its certificate',
  });

const schema = withNodeKey(settings);

export type FederationEnvironment = z.output<typeof schema>;

/** What this service can be told; `home-node` reuses it. */
export const federationConfigTable: ConfigTable<typeof schema> = {
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
    host: 'DCP_FEDERATION_HOST',
    port: 'DCP_FEDERATION_PORT',
    url: 'DCP_FEDERATION_URL',
    tlsCertFile: 'DCP_FEDERATION_TLS_CERT_FILE',
    tlsKeyFile: 'DCP_FEDERATION_TLS_KEY_FILE',
    edgeCertFiles: 'DCP_FEDERATION_EDGE_CERT_FILES',
    knownNodesFile: 'DCP_KNOWN_NODES_FILE',
    dnsServers: 'DCP_DNS_SERVERS',
    allowPrivate: 'DCP_FEDERATION_ALLOW_PRIVATE',
    presence: 'DCP_FEDERATION_PRESENCE',
    presenceGraceMs: 'DCP_FEDERATION_PRESENCE_GRACE_MS',
    maxLinks: 'DCP_FEDERATION_MAX_LINKS',
    maxPeers: 'DCP_FEDERATION_MAX_PEERS',
    maxWaiting: 'DCP_FEDERATION_MAX_WAITING',
    maxInFlight: 'DCP_FEDERATION_MAX_IN_FLIGHT',
    unknownAsksAMinute: 'DCP_FEDERATION_UNKNOWN_ASKS_A_MINUTE',
    maxBuffered: 'DCP_FEDERATION_MAX_BUFFERED',
    leaseMs: 'DCP_FEDERATION_LEASE_MS',
    pingMs: 'DCP_FEDERATION_PING_MS',
    deadMs: 'DCP_FEDERATION_DEAD_MS',
    retryMs: 'DCP_FEDERATION_RETRY_MS',
    scanMs: 'DCP_FEDERATION_SCAN_MS',
    sweepMs: 'DCP_FEDERATION_SWEEP_MS',
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
  },
  secrets: ['databaseUrl', 'natsPassword', ...nodeKeySecrets],
};

type ProcessMember =
  | 'databaseUrl'
  | 'databasePool'
  | 'natsUrl'
  | 'natsUser'
  | 'natsPassword'
  | 'busPrefix'
  | Exclude<keyof typeof nodeKeyNames, 'nodeKey'>
  | 'healthPort'
  | 'logLevel';

/** The part of the configuration that the module itself reads, wherever its database and bus come from. */
export type FederationConfig = Omit<FederationEnvironment, ProcessMember>;

/** Reads the environment; throws a ConfigError with all faults at once. */
export function readConfig(env: Environment = process.env): FederationEnvironment {
  return loadConfig(federationConfigTable, env);
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/;

/** A node that only its own machine can reach may look for others there; elsewhere that would open the inner network to strangers. */
export function mayGoPrivate({ allowPrivate, host }: Pick<FederationConfig, 'allowPrivate' | 'host'>): boolean {
  return allowPrivate ?? LOOPBACK.test(host);
}
