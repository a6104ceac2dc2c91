import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection, type TlsOptions } from '@nats-io/transport-node';
import type { Logger } from '../logging/logger.js';

export interface NatsConnectionOptions {
  /** `host:port` or `nats://host:port`, one or several of one cluster. */
  servers: string | string[];
  user?: string;
  password?: string;
  /** Shown in the server's monitoring. */
  name: string;
  tls?: TlsOptions;
  /** Ends the wait for the first connection. */
  signal?: AbortSignal;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** Milliseconds before the next attempt after `attempts` failures, with ±25 % jitter so that replicas do not come back at once. */
export function connectDelay(attempts: number): number {
  const base = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempts, 10));
  return base * (0.75 + Math.random() / 2);
}

/** Waits for NATS for as long as it takes: any service may start first. A wrong password is retried (and logged) too. */
export async function connectForEver(options: NatsConnectionOptions, logger: Logger): Promise<NatsConnection> {
  for (let attempts = 0; ; attempts++) {
    options.signal?.throwIfAborted();
    try {
      return await connect(connectionOptions(options));
    } catch (error) {
      if (attempts % 10 === 0) logger.warn({ err: error, servers: options.servers, attempts }, 'waiting for NATS');
      await delay(connectDelay(attempts), undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}

function connectionOptions(options: NatsConnectionOptions) {
  let attempts = 0;
  let lastAttempt = 0;
  return {
    servers: options.servers,
    name: options.name,
    ...(options.user === undefined ? {} : { user: options.user, pass: options.password ?? '' }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    timeout: 5_000,
    // A broker that hangs without closing is noticed after 15 s.
    pingInterval: 5_000,
    maxPingOut: 2,
    reconnectDelayHandler: () => {
      const now = Date.now();
      attempts = now - lastAttempt > 10 * LONGEST_WAIT_MS ? 0 : attempts + 1;
      lastAttempt = now;
      return connectDelay(Math.floor(attempts / 2));
    },
  };
}
