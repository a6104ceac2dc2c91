import type { DcpError } from '@dcp/protocol';
import { fromBus, toBus } from '../errors/bus-error.js';
import { asFailure, reportFailure } from '../errors/failure.js';
import { type Logger, silentLogger } from '../logging/logger.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Bus, BusState, RequestOptions, Rpc, Subscription, Topic } from './bus.js';
import { busFailure } from './bus-failure.js';
import { type BusMetrics, busMetrics } from './bus-metrics.js';
import { deepFreeze } from './deep-freeze.js';
import { PendingRequests } from './pending-requests.js';
import { RunningHandlers } from './running-handlers.js';
import { checkPattern, checkSubject } from './subject.js';
import { SubjectTree } from './subject-tree.js';

export interface InProcessBusOptions {
  logger?: Logger;
  metrics?: Metrics;
  /** Deep-freezes every payload and refuses what is not JSON. For tests: it costs more than the delivery. */
  freeze?: boolean;
  /** Requests that may wait at the same time; more fail at once (`"overloaded"`). */
  maxPending?: number;
  /** Payloads that may wait for the end of the loop turn; more are dropped and counted. */
  maxQueued?: number;
}

interface Member {
  readonly queue: string | undefined;
  readonly deliver: (payload: unknown, subject: string, token: number | undefined) => void;
}

interface Delivery {
  readonly subject: string;
  readonly payload: unknown;
  /** Set when somebody waits for an answer. */
  readonly token: number | undefined;
  /** Set when this is not a payload but a place in the queue that `flush` waits for. */
  readonly reached: (() => void) | undefined;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const CLOSE_GUARD_MS = 10_000;

/** The bus of a home node that is one process. Delivers in the next loop turn, never inside `publish` or `request`. */
export function createInProcessBus(options: InProcessBusOptions = {}): Bus {
  return new InProcessBus(options);
}

class InProcessBus implements Bus {
  state: BusState = 'connected';
  readonly #logger: Logger;
  readonly #metrics: BusMetrics;
  readonly #freeze: boolean;
  readonly #maxQueued: number;
  readonly #members = new SubjectTree<Member>();
  readonly #pending: PendingRequests;
  readonly #running = new RunningHandlers();
  #queue: Delivery[] = [];

  constructor(options: InProcessBusOptions) {
    this.#logger = options.logger ?? silentLogger;
    this.#metrics = busMetrics(options.metrics);
    this.#freeze = options.freeze ?? false;
    this.#maxQueued = options.maxQueued ?? 100_000;
    this.#pending = new PendingRequests(options.maxPending ?? 10_000, () => this.#metrics.error('timeout'));
    this.#metrics.connected(true);
  }

  publish<T>(topic: Topic<T>, payload: T): void {
    checkSubject(topic.subject);
    if (this.state === 'closed') return this.#metrics.error('dropped');
    if (this.#queue.length >= this.#maxQueued) return this.#metrics.error('overloaded');
    this.#enqueue(topic.subject, payload, undefined);
  }

  subscribe<T>(topic: Topic<T>, handler: (payload: T, subject: string) => void, queue?: string): Subscription {
    return this.#join(topic.subject, queue, (payload, subject) => {
      try {
        handler(payload as T, subject);
      } catch (error) {
        this.#metrics.error('handler');
        this.#logger.error({ err: error, subject }, 'a bus handler failed');
      }
    });
  }

  async request<I, O>(rpc: Rpc<I, O>, input: I, options?: RequestOptions): Promise<O> {
    checkSubject(rpc.subject);
    if (this.state === 'closed') throw busFailure('disconnected');
    if (this.#pending.full || this.#queue.length >= this.#maxQueued) {
      this.#metrics.error('overloaded');
      throw busFailure('overloaded');
    }
    return this.#pending.add<O>(rpc.subject, options?.timeoutMs ?? DEFAULT_TIMEOUT_MS, (token) =>
      this.#enqueue(rpc.subject, input, token),
    );
  }

  serve<I, O>(rpc: Rpc<I, O>, handler: (input: I, subject: string) => Promise<O> | O, queue: string): Subscription {
    return this.#join(rpc.subject, queue, (payload, subject, token) => {
      this.#running.start();
      void this.#answer(handler as (input: unknown, subject: string) => unknown, payload, subject, token);
    });
  }

  onReconnect(): Subscription {
    return { unsubscribe: () => {} };
  }

  async flush(): Promise<void> {
    if (this.state === 'closed') throw busFailure('disconnected');
    await new Promise<void>((reached) => this.#push({ subject: '', payload: undefined, token: undefined, reached }));
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    await this.flush();
    this.#members.clear();
    await this.#running.idle(CLOSE_GUARD_MS);
    this.state = 'closed';
    this.#metrics.connected(false);
    this.#pending.failAll(() => busFailure('disconnected'));
  }

  #enqueue(subject: string, payload: unknown, token: number | undefined): void {
    this.#push({ subject, payload: this.#freeze ? deepFreeze(payload) : payload, token, reached: undefined });
  }

  #push(delivery: Delivery): void {
    if (this.#queue.length === 0) setImmediate(() => this.#deliverAll());
    this.#queue.push(delivery);
  }

  #deliverAll(): void {
    const deliveries = this.#queue;
    this.#queue = [];
    for (const delivery of deliveries) {
      if (delivery.reached === undefined) this.#deliver(delivery);
      else delivery.reached();
    }
  }

  #deliver({ subject, payload, token }: Delivery): void {
    const members = onePerQueue(this.#members.match(subject));
    for (const member of members) member.deliver(payload, subject, token);
    if (members.length > 0 || token === undefined) return;
    this.#metrics.error('no_responders');
    this.#pending.fail(token, busFailure('no_responders'));
  }

  async #answer(
    handler: (input: unknown, subject: string) => unknown,
    payload: unknown,
    subject: string,
    token: number | undefined,
  ): Promise<void> {
    try {
      const answer = await handler(payload, subject);
      if (token !== undefined) this.#pending.settle(token, this.#freeze ? deepFreeze(answer) : answer);
    } catch (error) {
      const failure = this.#failure(error);
      if (token !== undefined) this.#pending.fail(token, fromBus(toBus(failure)));
    } finally {
      this.#running.end();
    }
  }

  #failure(error: unknown): DcpError {
    const failure = asFailure(error);
    if (failure.code === 'INTERNAL_ERROR') this.#metrics.error('handler');
    reportFailure(this.#logger, failure);
    return failure;
  }

  #join(pattern: string, queue: string | undefined, deliver: Member['deliver']): Subscription {
    if (this.state === 'closed') throw busFailure('disconnected');
    let open = true;
    const member: Member = {
      queue,
      deliver: (payload, subject, token) => {
        if (open) deliver(payload, subject, token);
      },
    };
    this.#members.add(checkPattern(pattern), member);
    return {
      unsubscribe: () => {
        open = false;
        this.#members.remove(pattern, member);
      },
    };
  }
}

/** All members without a queue and one of each queue group. Patterns do not matter: NATS groups by the queue's name too. */
function onePerQueue(members: Member[]): Member[] {
  if (members.length < 2) return members;
  const chosen: Member[] = [];
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const group = member.queue === undefined ? chosen : groups.get(member.queue);
    if (group === undefined) groups.set(member.queue as string, [member]);
    else group.push(member);
  }
  for (const group of groups.values()) chosen.push(group[Math.floor(Math.random() * group.length)] as Member);
  return chosen;
}
