import { randomId, type Bus, type Clock, type Health, type Logger, type Metrics } from '@dcp/node-kit';
import { runCommand } from './commands/commands.js';
import type { CommandTools } from './commands/command.js';
import type { GatewayConfig } from './config.js';
import { Hub } from './fanout/hub.js';
import { RateLimits } from './limits/rate-limits.js';
import { gatewayMetrics, type GatewayMetrics } from './metrics.js';
import { ChannelDirectory } from './posts/channel-directory.js';
import { PostBatcher } from './posts/post-batcher.js';
import { PresenceService } from './presence/presence.service.js';
import { RemotePresenceService } from './presence/remote-presence.service.js';
import { StatusDisplay } from './presence/status-display.js';
import { RestContext } from './rest/rest-context.js';
import { LoginService } from './sessions/login.service.js';
import { SessionService } from './sessions/session.service.js';
import { FrameLoop } from './sockets/frame-loop.js';
import { TurnOutbox } from './sockets/outbox.js';
import { SocketServer } from './sockets/socket-server.js';
import { ConnectionSweep } from './sockets/sweep.js';
import { Moderation } from './trust/moderation.js';
import { LocalUsers } from './users/local-users.js';

/** What a gateway gets from whoever mounts it. */
export interface GatewayParts {
  config: GatewayConfig;
  bus: Bus;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  health: Health;
}

/** Everything inside one gateway, put together once. */
export interface GatewayInside {
  metrics: GatewayMetrics;
  outbox: TurnOutbox;
  users: LocalUsers;
  hub: Hub;
  sessions: SessionService;
  limits: RateLimits;
  moderation: Moderation;
  directory: ChannelDirectory;
  batcher: PostBatcher;
  presence: PresenceService;
  remotePresence: RemotePresenceService;
  login: LoginService;
  loop: FrameLoop;
  door: SocketServer;
  sweep: ConnectionSweep;
  rest: RestContext;
}

/** Seconds of silence until a ping, and until a socket counts as dead. */
const PING_AFTER = 60;
const DEAD_AFTER = 150;

export function assemble({ config, bus, clock, logger, metrics: registry }: GatewayParts): GatewayInside {
  const metrics = gatewayMetrics(registry);
  const outbox = new TurnOutbox(config.maxWaitingBytes, (connection) => {
    metrics.slowConsumers.inc();
    connection.cut();
  });
  const users = new LocalUsers();
  const hub = new Hub(bus, outbox, metrics, logger);
  const sessions = new SessionService(bus, clock, logger);
  metrics.watch('revocations', () => sessions.revocations.size);
  const limits = new RateLimits(
    clock,
    metrics,
    config.rateLimitFactor,
    config.connectionsPerAddress,
    config.bytesPerMinute,
  );
  const moderation = new Moderation(bus, clock, metrics, logger, () => sessions.node?.id);
  metrics.watch('standings', () => moderation.standings.size);
  const directory = new ChannelDirectory(bus, () => sessions.node?.id);
  const batcher = new PostBatcher(bus, metrics);
  const { presenceRoomLimit: roomLimit, offlineGraceMs } = config;
  const display = new StatusDisplay(hub, roomLimit);
  const presence = new PresenceService(
    bus,
    clock,
    users,
    hub,
    display,
    { gatewayId: `gw_${randomId(12)}`, offlineGraceMs },
    metrics,
  );
  const remotePresence = new RemotePresenceService(bus, clock, display, metrics);
  const login = new LoginService(bus, sessions, users, hub, directory, presence, limits, logger);
  const tools: CommandTools = { bus, clock, logger, hub, users, directory, batcher, presence, limits, moderation };
  const loop = new FrameLoop(
    {
      authenticate: (connection, frame) => login.handle(connection, frame),
      command: (connection, frame, bytes) => runCommand(connection, frame, bytes, tools),
    },
    logger,
  );
  const { trustProxy, maintenance } = config;
  const door = new SocketServer({ sessions, login, limits, outbox, metrics, logger, trustProxy, maintenance });
  const limitsOfSweep = {
    loginSeconds: config.loginSeconds,
    pingAfterSeconds: PING_AFTER,
    deadAfterSeconds: DEAD_AFTER,
  };
  const sweep = new ConnectionSweep(door.connections, login, clock, limitsOfSweep);
  const rest = new RestContext(sessions, limits, moderation, trustProxy, maintenance);
  return {
    metrics,
    outbox,
    users,
    hub,
    sessions,
    limits,
    moderation,
    directory,
    batcher,
    presence,
    remotePresence,
    login,
    loop,
    door,
    sweep,
    rest,
  };
}
