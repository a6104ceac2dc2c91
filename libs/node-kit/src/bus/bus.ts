/**
 * The bus that services speak through. Two implementations behave alike and pass one compliance suite: NATS (services in
 * their own processes) and in-process (one home node). Code never knows which one it has.
 *
 * Payloads are JSON values. The in-process bus passes them by reference: whoever publishes or receives one must not change it.
 * Subjects are dot-separated words; `*` matches one word, a trailing `>` one or more. Delivery is at most once, in order
 * for one publisher and one subject; what must not be lost lives in PostgreSQL, not here.
 */

/** A request subject: `I` goes there, `O` comes back. The two optional members carry types only. */
export interface Rpc<I, O> {
  readonly subject: string;
  readonly _input?: (input: I) => void;
  readonly _output?: O;
}

/** An event subject carrying a `T`. */
export interface Topic<T> {
  readonly subject: string;
  readonly _payload?: (payload: T) => T;
}

export interface Subscription {
  /** Stops delivery at once. Calling it twice is allowed. */
  unsubscribe(): void;
}

export interface RequestOptions {
  /** Milliseconds until MAINTENANCE_MODE (9001, `details.reason: "timeout"`). Default 5,000. */
  timeoutMs?: number;
}

export type BusState = 'connected' | 'disconnected' | 'closed';

export interface Bus {
  readonly state: BusState;

  /** Sends and forgets. While disconnected the payload is dropped and counted (`dcp_bus_errors_total`), never queued without bound. */
  publish<T>(topic: Topic<T>, payload: T): void;

  /**
   * Hears every payload of a topic (wildcards allowed); with `queue` each payload goes to one member of that group only.
   * A handler that throws is logged and counted; the subscription goes on.
   */
  subscribe<T>(topic: Topic<T>, handler: (payload: T, subject: string) => void, queue?: string): Subscription;

  /**
   * Asks one server of the subject. Rejects with the DcpError that the server threw, with MAINTENANCE_MODE (9001) when nobody
   * serves (`details.reason: "no_responders"`), when the time is over (`"timeout"`) or when the bus is away (`"disconnected"`).
   */
  request<I, O>(rpc: Rpc<I, O>, input: I, options?: RequestOptions): Promise<O>;

  /**
   * Answers requests of a subject (wildcards allowed), sharing them with the other instances of the service through `queue`.
   * What the handler throws travels back as DcpError; an unknown failure becomes 9000 without inner text and is logged here.
   */
  serve<I, O>(rpc: Rpc<I, O>, handler: (input: I, subject: string) => Promise<O> | O, queue: string): Subscription;

  /** Called after a lost connection is back and all subscriptions are live again. */
  onReconnect(listener: () => void): Subscription;

  /** Resolves when everything published so far has reached the broker. */
  flush(): Promise<void>;

  /** Stops hearing, lets running handlers finish, then closes. */
  close(): Promise<void>;
}
