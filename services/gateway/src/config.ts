import { loadConfig, type ConfigTable, type Environment } from '@dcp/node-kit';
import { z } from 'zod';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);

const schema = z
  .object({
    host: z.string().default('127.0.0.1').describe('Address that clients connect to').meta({ example: '0.0.0.0' }),
    port: port(8008).describe('Port of the client door'),
    tlsCertFile: z.string().optional().describe('PEM certificate chain; with the key file the door speaks TLS 1.3'),
    tlsKeyFile: z.string().optional().describe('PEM private key'),
    trustProxy: z
      .stringbool()
      .default(false)
      .describe('Believe X-Forwarded-For, -Proto and -Host of the proxy in front'),
    socketIo: z
      .stringbool()
      .default(false)
      .describe('Open the second door at /socket.io, for networks that block WebSocket'),
    maintenance: z.stringbool().default(false).describe('Answer every call with 9001'),
    rateLimitFactor: z.coerce
      .number()
      .min(0.01)
      .max(100_000)
      .default(1)
      .describe('Widens (2) or narrows (0.5) all rate limits'),
    connectionsPerAddress: z.coerce.number().int().min(1).default(100).describe('Sockets that one address may hold'),
    bytesPerMinute: z.coerce
      .number()
      .int()
      .min(65_536)
      .default(62_914_560)
      .describe('Bytes that one account may send in a minute'),
    maxWaitingBytes: z.coerce
      .number()
      .int()
      .min(65_536)
      .default(1_048_576)
      .describe('Unread bytes after which a slow socket is closed'),
    presenceRoomLimit: z.coerce
      .number()
      .int()
      .min(0)
      .default(200)
      .describe('Rooms with more sockets carry no presence'),
    offlineGraceMs: z.coerce.number().int().min(0).default(1_000).describe('Pause before a user is shown offline'),
    loginSeconds: z.coerce.number().int().min(1).default(10).describe('Time that a socket has to log in'),
    drainMs: z.coerce
      .number()
      .int()
      .min(0)
      .default(10_000)
      .describe('Window over which sockets are closed when the gateway stops'),
  })
  .refine((config) => (config.tlsCertFile === undefined) === (config.tlsKeyFile === undefined), {
    error: 'DCP_TLS_CERT_FILE and DCP_TLS_KEY_FILE belong together: set both or none',
  });

export type GatewayConfig = z.output<typeof schema>;

/** The gateway's own settings, shared by its process and by the home node. */
export const gatewayConfig: ConfigTable<typeof schema> = {
  schema,
  names: {
    host: 'DCP_HOST',
    port: 'DCP_PORT',
    tlsCertFile: 'DCP_TLS_CERT_FILE',
    tlsKeyFile: 'DCP_TLS_KEY_FILE',
    trustProxy: 'DCP_TRUST_PROXY',
    socketIo: 'DCP_SOCKETIO',
    maintenance: 'DCP_MAINTENANCE',
    rateLimitFactor: 'DCP_RATE_LIMIT_FACTOR',
    connectionsPerAddress: 'DCP_CONNECTIONS_PER_ADDRESS',
    bytesPerMinute: 'DCP_BANDWIDTH_BYTES_PER_MINUTE',
    maxWaitingBytes: 'DCP_MAX_WAITING_BYTES',
    presenceRoomLimit: 'DCP_PRESENCE_ROOM_LIMIT',
    offlineGraceMs: 'DCP_OFFLINE_GRACE_MS',
    loginSeconds: 'DCP_LOGIN_SECONDS',
    drainMs: 'DCP_DRAIN_MS',
  },
};

const processSchema = z.object({
  natsUrl: z.string().default('nats://127.0.0.1:4222').describe('The bus').meta({ example: 'nats://nats:4222' }),
  natsUser: z.string().default('gateway'),
  natsPassword: z.string().optional(),
  busPrefix: z.string().default('dcp').describe('First word of every subject: several nodes may share one NATS'),
  healthPort: port(8108).describe('Port of /healthz, /readyz and /metrics'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

/** What the gateway needs besides when it is a process of its own. */
export const gatewayProcessConfig: ConfigTable<typeof processSchema> = {
  schema: processSchema,
  names: {
    natsUrl: 'NATS_URL',
    natsUser: 'NATS_USER',
    natsPassword: 'NATS_PASSWORD',
    busPrefix: 'DCP_BUS_PREFIX',
    healthPort: 'DCP_HEALTH_PORT',
    logLevel: 'DCP_LOG_LEVEL',
  },
  secrets: ['natsPassword'],
};

/** Both at once from the environment; the only place of this service that reads it. */
export function readConfig(env: Environment = process.env) {
  return { gateway: loadConfig(gatewayConfig, env), process: loadConfig(gatewayProcessConfig, env) };
}
