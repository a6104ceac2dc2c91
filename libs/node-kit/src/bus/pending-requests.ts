import type { DcpError } from '@dcp/protocol';
import { busFailure } from './bus-failure.js';

interface Pending {
  readonly subject: string;
  readonly deadline: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: DcpError) => void;
}

const SWEEP_MS = 25;

/**
 * Requests that wait for their answer. One timer sweeps all of them and runs only while some wait: at 10,000 requests per second
 * a timer for each would cost more than the request.
 */
export class PendingRequests {
  readonly #waiting = new Map<number, Pending>();
  readonly #limit: number;
  readonly #onTimeout: (subject: string) => void;
  #lastToken = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(limit: number, onTimeout: (subject: string) => void) {
    this.#limit = limit;
    this.#onTimeout = onTimeout;
  }

  get full(): boolean {
    return this.#waiting.size >= this.#limit;
  }

  /** Waits for `settle` or `fail` with the token that `send` is given; an exception of `send` rejects the request. */
  add<O>(subject: string, timeoutMs: number, send: (token: number) => void): Promise<O> {
    const token = ++this.#lastToken;
    return new Promise<O>((resolve, reject) => {
      const deadline = performance.now() + timeoutMs;
      this.#waiting.set(token, { subject, deadline, resolve: resolve as (value: unknown) => void, reject });
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
      try {
        send(token);
      } catch (error) {
        this.#waiting.delete(token);
        reject(error);
      }
    });
  }

  settle(token: number, value: unknown): void {
    this.#take(token)?.resolve(value);
  }

  fail(token: number, error: DcpError): void {
    this.#take(token)?.reject(error);
  }

  failAll(error: () => DcpError): void {
    for (const token of this.#waiting.keys()) this.fail(token, error());
    this.#sweep();
  }

  failSubject(subject: string, error: () => DcpError): void {
    for (const [token, pending] of this.#waiting) if (pending.subject === subject) this.fail(token, error());
  }

  /** Undefined when the answer comes too late or twice: the first one won. */
  #take(token: number): Pending | undefined {
    const pending = this.#waiting.get(token);
    if (pending !== undefined) this.#waiting.delete(token);
    return pending;
  }

  #sweep(): void {
    const now = performance.now();
    for (const [token, pending] of this.#waiting) {
      if (pending.deadline > now) continue;
      this.#onTimeout(pending.subject);
      this.fail(token, busFailure('timeout'));
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}
