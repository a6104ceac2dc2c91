import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CHANNEL } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import type { Subscription } from '@dcp/node-kit';
import { parseJson } from '@dcp/protocol';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayConfig } from './config.js';
import { closeSpread } from './drain.js';
import { GatewayModule } from './gateway.module.js';
import { DeviceEvents } from './keys/device-events.subscriber.js';
import { assemble, type GatewayInside, type GatewayParts } from './parts.js';
import { hearHomes } from './channels/home-moved.subscriber.js';
import { hearInvitations } from './channels/invitation.subscriber.js';
import { hearMoves } from './users/moves.subscriber.js';
import { hearRefusals } from './posts/refused.subscriber.js';
import { hearTyping } from './presence/typing.subscriber.js';
import { prepareHttp } from './rest/http.js';
import { openSocketIo } from './sockets/socket-io-door.js';
import { DcpSocketAdapter } from './sockets/socket-adapter.js';

/** A gateway that serves clients. */
export interface RunningGateway {
  /** Where clients connect: `http://127.0.0.1:8008`. */
  url: string;
  stop(): Promise<void>;
}

const COMPARE_HEADS_MS = 5_000;
const LOAD_RETRY_MS = 500;

/** Starts a gateway: the doors open at once, calls are served (and `/readyz` is green) when auth has told the keys and the revocations. */
export async function startGateway(parts: GatewayParts): Promise<RunningGateway> {
  await ready();
  const inside = assemble(parts);
  const app = await createApp(parts, inside);
  const running = new Background(parts, inside);
  running.start();
  await app.listen(parts.config.port, parts.config.host);
  const url = urlOf(app, parts.config);
  parts.logger.info({ url }, 'clients may connect');
  return { url, stop: () => stop(parts, inside, app, running) };
}

async function createApp(parts: GatewayParts, inside: GatewayInside): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({ ...tls(parts.config), ...HTTP_OPTIONS } as ConstructorParameters<
    typeof FastifyAdapter
  >[0]);
  const app = await NestFactory.create<NestFastifyApplication>(GatewayModule.register(parts, inside), adapter, {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  app.useWebSocketAdapter(new DcpSocketAdapter(app, inside.door));
  prepareHttp(app, parts.logger, inside.metrics, parseJson);
  await app.init();
  if (parts.config.socketIo) await openSocketIo(app.getHttpServer() as Server, inside.door, parts.config.trustProxy);
  return app;
}

/** Slow clients are cut: headers within 10 s, a whole request within 30 s. */
const HTTP_OPTIONS = {
  bodyLimit: 256 * 1024,
  requestTimeout: 30_000,
  connectionTimeout: 0,
  // Long names are refused by the rules of the protocol, with its error, not by the router.
  routerOptions: { maxParamLength: 1_000 },
  http: { headersTimeout: 10_000 },
};

function tls({ tlsCertFile, tlsKeyFile }: GatewayConfig): object {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return {};
  const [cert, key] = [readFileSync(tlsCertFile), readFileSync(tlsKeyFile)];
  return { https: { cert, key, minVersion: 'TLSv1.3', headersTimeout: 10_000 } };
}

function urlOf(app: NestFastifyApplication, config: GatewayConfig): string {
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `${config.tlsCertFile === undefined ? 'http' : 'https'}://${host}:${port}`;
}

async function stop(
  parts: GatewayParts,
  inside: GatewayInside,
  app: NestFastifyApplication,
  running: Background,
): Promise<void> {
  parts.health.setDraining();
  inside.door.refuseNew();
  await closeSpread(inside.door.connections, parts.config.drainMs);
  await inside.batcher.whenIdle();
  running.stop();
  await app.close();
}

/** What runs beside the requests: hearing the bus, looking for what it lost, sweeping sockets. */
class Background {
  private readonly subscriptions: Subscription[] = [];
  private readonly stopped = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: GatewayParts,
    private readonly inside: GatewayInside,
  ) {}

  start(): void {
    const { bus, health } = this.parts;
    const { sessions, login, hub, directory, presence, remotePresence, sweep, users, moderation } = this.inside;
    sessions.listen((event) => login.revoked(event));
    moderation.listen();
    this.subscriptions.push(
      bus.subscribe(CHANNEL.membershipChanged, (change) => this.guard(login.membershipChanged(change))),
      ...hearTyping(bus, hub),
      hearInvitations(bus, users),
      hearHomes(bus, hub, directory, (work) => this.guard(work)),
      hearRefusals(bus, users),
      hearMoves(bus, users, hub, (work) => this.guard(work)),
      new DeviceEvents(users, hub).hear(bus),
      bus.onReconnect(() => this.guard(this.recover())),
      health.register('gateway.bus', () => requireThat(bus.state === 'connected', 'the bus is away')),
      health.register('gateway.sessions', () => requireThat(sessions.ready, 'auth has not told its keys yet')),
      health.register('gateway.moderation', () =>
        requireThat(moderation.ready, 'decisions about users are being read'),
      ),
    );
    presence.start();
    remotePresence.start();
    sweep.start();
    this.timer = setInterval(() => this.tick(), COMPARE_HEADS_MS);
    this.timer.unref();
    void this.load();
  }

  /** Until auth answers: it may start later than this. */
  private async load(): Promise<void> {
    const { sessions, moderation } = this.inside;
    while (!sessions.ready && !this.stopped.signal.aborted) {
      await sessions.load().catch((error: unknown) => this.parts.logger.debug({ err: error }, 'waiting for auth'));
      if (!sessions.ready) await delay(LOAD_RETRY_MS);
    }
    if (!this.stopped.signal.aborted) await moderation.load();
  }

  /** The bus was away: whatever it carried meanwhile is read again. */
  private async recover(): Promise<void> {
    void this.inside.moderation.load();
    await this.inside.sessions.load();
    this.inside.login.closeRevoked();
    await this.inside.hub.compareHeads();
  }

  private tick(): void {
    const { hub, sessions, moderation } = this.inside;
    hub.closeEmptyRooms();
    moderation.tick();
    sessions.revocations.forgetExpired(sessions.now());
    this.guard(hub.compareHeads());
  }

  private guard(work: Promise<void>): void {
    work.catch((error: unknown) => this.parts.logger.debug({ err: error }, 'not done now, tried again later'));
  }

  stop(): void {
    this.stopped.abort();
    clearInterval(this.timer);
    this.inside.sweep.stop();
    this.inside.presence.stop();
    this.inside.remotePresence.stop();
    this.inside.sessions.stop();
    this.inside.moderation.stop();
    this.inside.hub.stop();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }
}

function requireThat(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}
