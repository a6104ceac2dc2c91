import type { Msg, NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { DcpError } from '@dcp/protocol';
import { asFailure, reportFailure } from '../errors/failure.js';
import { type Logger, silentLogger } from '../logging/logger.js';
import { randomId } from '../logging/request-id.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Bus, BusState, RequestOptions, Rpc, Subscription, Topic } from './bus.js';
import { decodePayload, decodeReply, encodeAnswer, encodeFailure, encodePayload } from './bus-codec.js';
import { busFailure } from './bus-failure.js';
import { type BusMetrics, busMetrics } from './bus-metrics.js';
import { connectForEver, type NatsConnectionOptions } from './nats-connection.js';
import { inboxPrefix } from './nats-permissions.js';
import { watchStatus } from './nats-status.js';
import { NatsSubscriptions } from './nats-subscriptions.js';
import { PendingRequests } from './pending-requests.js';
import { RunningHandlers } from './running-handlers.js';
import { SendWindow } from './send-window.js';
import { checkPattern, checkSubject } from './subject.js';

export interface NatsBusOptions extends NatsConnectionOptions {
  /** Put before each subject, so that several installations may share one NATS. */
  prefix?: string;
  logger?: Logger;
  metrics?: Metrics;
  /** Requests that may wait at the same time; more fail at once (`"overloaded"`). */
  maxPending?: number;
  /** Bytes that may be on their way to the broker; more are dropped and counted. */
  maxUnconfirmed?: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const CLOSE_GUARD_MS = 10_000;
const NO_RESPONDERS = 503;

/** Connects to NATS, for as long as it takes, and keeps the connection for ever. `options.user` names the inbox (`_INBOX_<user>`). */
export async function connectNatsBus(options: NatsBusOptions): Promise<Bus> {
  const logger = options.logger ?? silentLogger;
  const connection = await connectForEver(options, logger);
  const bus = new NatsBus(connection, options, logger);
  await connection.flush();
  return bus;
}

class NatsBus implements Bus {
  state: BusState = 'connected';
  readonly #nats: NatsConnection;
  readonly #prefix: string;
  readonly #inbox: string;
  readonly #logger: Logger;
  readonly #metrics: BusMetrics;
  readonly #pending: PendingRequests;
  readonly #running = new RunningHandlers();
  readonly #window: SendWindow;
  readonly #subscriptions: NatsSubscriptions;
  readonly #reconnectListeners = new Set<() => void>();
  #closing: Promise<void> | undefined;

  constructor(nats: NatsConnection, options: NatsBusOptions, logger: Logger) {
    this.#nats = nats;
    this.#prefix = `${checkSubject(options.prefix ?? 'dcp')}.`;
    this.#inbox = `${inboxPrefix(options.user ?? 'anyone')}.${randomId(16)}.`;
    this.#logger = logger;
    this.#metrics = busMetrics(options.metrics);
    this.#pending = new PendingRequests(options.maxPending ?? 10_000, () => this.#metrics.error('timeout'));
    this.#window = new SendWindow(options.maxUnconfirmed ?? 64 * 1024 * 1024, () => nats.flush());
    this.#subscriptions = new NatsSubscriptions(nats, (subject) => this.#refused('subscription', subject));
    this.#subscriptions.add(`${this.#inbox}*`, undefined, (message) => this.#onReply(message));
    this.#metrics.connected(true);
    void this.#watch();
  }

  publish<T>(topic: Topic<T>, payload: T): void {
    const subject = this.#prefix + checkSubject(topic.subject);
    if (this.state !== 'connected') return this.#metrics.error('dropped');
    const data = this.#sized(encodePayload(payload));
    if (this.#window.admit(data.length)) this.#nats.publish(subject, data);
    else this.#metrics.error('overloaded');
  }

  subscribe<T>(topic: Topic<T>, handler: (payload: T, subject: string) => void, queue?: string): Subscription {
    return this.#hear(topic.subject, queue, (message) => {
      const subject = this.#shortSubject(message);
      try {
        handler(this.#decoded(message) as T, subject);
      } catch (error) {
        this.#metrics.error('handler');
        this.#logger.error({ err: error, subject }, 'a bus handler failed');
      }
    });
  }

  async request<I, O>(rpc: Rpc<I, O>, input: I, options?: RequestOptions): Promise<O> {
    const subject = this.#prefix + checkSubject(rpc.subject);
    if (this.state !== 'connected') throw busFailure('disconnected');
    const data = this.#sized(encodePayload(input));
    if (this.#pending.full || !this.#window.admit(data.length)) {
      this.#metrics.error('overloaded');
      throw busFailure('overloaded');
    }
    return this.#pending.add<O>(subject, options?.timeoutMs ?? DEFAULT_TIMEOUT_MS, (token) =>
      this.#nats.publish(subject, data, { reply: this.#inbox + token.toString(36) }),
    );
  }

  serve<I, O>(rpc: Rpc<I, O>, handler: (input: I, subject: string) => Promise<O> | O, queue: string): Subscription {
    return this.#hear(rpc.subject, queue, (message) => {
      this.#running.start();
      void this.#answer(handler as (input: unknown, subject: string) => unknown, message);
    });
  }

  onReconnect(listener: () => void): Subscription {
    // One function may be given twice: each call has its own subscription.
    const own = () => listener();
    this.#reconnectListeners.add(own);
    return { unsubscribe: () => void this.#reconnectListeners.delete(own) };
  }

  async flush(): Promise<void> {
    if (this.state !== 'connected') throw busFailure('disconnected');
    await this.#nats.flush().catch((error: unknown) => {
      throw busFailure('disconnected', error);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#subscriptions.endExcept(`${this.#inbox}*`, this.state === 'connected');
    await this.#running.idle(CLOSE_GUARD_MS);
    if (this.state === 'connected') await this.#nats.flush().catch(() => {});
    this.state = 'closed';
    this.#metrics.connected(false);
    this.#pending.failAll(() => busFailure('disconnected'));
    await this.#nats.close();
  }

  #hear(pattern: string, queue: string | undefined, callback: (message: Msg) => void): Subscription {
    if (this.state === 'closed' || this.#closing !== undefined) throw busFailure('disconnected');
    return this.#subscriptions.add(this.#prefix + checkPattern(pattern), queue, callback);
  }

  #onReply(message: Msg): void {
    const token = Number.parseInt(message.subject.slice(this.#inbox.length), 36);
    if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS) {
      this.#metrics.error('no_responders');
      return this.#pending.fail(token, busFailure('no_responders'));
    }
    try {
      this.#pending.settle(token, decodeReply(message.data));
    } catch (error) {
      this.#pending.fail(token, error instanceof DcpError ? error : asFailure(error));
    }
  }

  async #answer(handler: (input: unknown, subject: string) => unknown, message: Msg): Promise<void> {
    try {
      const answer = await handler(this.#decoded(message), this.#shortSubject(message));
      if (message.reply) this.#reply(message.reply, this.#sized(encodeAnswer(answer)));
    } catch (error) {
      const failure = asFailure(error);
      if (failure.code === 'INTERNAL_ERROR') this.#metrics.error('handler');
      reportFailure(this.#logger, failure);
      if (message.reply) this.#reply(message.reply, encodeFailure(failure));
    } finally {
      this.#running.end();
    }
  }

  #reply(inbox: string, data: Buffer): void {
    if (this.state === 'connected' && this.#window.admit(data.length)) this.#nats.publish(inbox, data);
    else this.#metrics.error('dropped');
  }

  /** The server would close the connection over a payload that is too large. */
  #sized(data: Buffer): Buffer {
    const limit = this.#nats.info?.max_payload ?? 1024 * 1024;
    if (data.length <= limit) return data;
    this.#metrics.error('too_large');
    throw new DcpError('MESSAGE_TOO_LARGE', { reason: 'bus_payload', size: data.length, limit });
  }

  #decoded(message: Msg): unknown {
    try {
      return decodePayload(message.data);
    } catch (error) {
      this.#metrics.error('decode');
      throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'bus_payload' }, undefined, error);
    }
  }

  #shortSubject(message: Msg): string {
    return message.subject.slice(this.#prefix.length);
  }

  async #watch(): Promise<void> {
    await watchStatus(this.#nats, this.#logger, {
      lost: (server) => this.#onDisconnect(server),
      back: (server) => void this.#onReconnected(server),
      publishRefused: (error) => this.#onPublishRefused(error),
    });
    if (this.#closing === undefined) this.#onDisconnect('the client gave up');
  }

  #onDisconnect(server: string): void {
    if (this.state !== 'connected') return;
    this.state = 'disconnected';
    this.#metrics.connected(false);
    this.#metrics.error('disconnect');
    this.#logger.warn({ server }, 'lost NATS');
    this.#window.reset();
    this.#pending.failAll(() => busFailure('disconnected'));
  }

  async #onReconnected(server: string): Promise<void> {
    if (this.state !== 'disconnected') return;
    this.state = 'connected';
    this.#metrics.connected(true);
    this.#subscriptions.restoreRefused();
    try {
      // The server answers this PING after it has read all subscriptions.
      await this.#nats.flush();
    } catch {
      return; // Lost again: the next connection tells the listeners.
    }
    this.#logger.info({ server }, 'NATS is back');
    for (const listener of this.#reconnectListeners) this.#tell(listener);
  }

  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#logger.error({ err: error }, 'a reconnect listener failed');
    }
  }

  #onPublishRefused(error: PermissionViolationError): void {
    this.#refused('publish', error.subject);
    this.#pending.failSubject(error.subject, () => new DcpError('INTERNAL_ERROR', {}, undefined, error));
  }

  /** A missing permission is a fault of deployment or code: loud, counted, and never the end of the process. */
  #refused(operation: 'publish' | 'subscription', subject: string): void {
    this.#metrics.error('permission');
    this.#logger.error({ operation, subject }, 'NATS permission missing');
  }
}
