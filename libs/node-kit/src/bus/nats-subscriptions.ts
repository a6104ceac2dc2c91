import type { Msg, NatsConnection, Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { Subscription } from './bus.js';

interface Entry {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly callback: (message: Msg) => void;
  /** Undefined after the server refused it. */
  nats: NatsSubscription | undefined;
}

/** All subscriptions of one connection; refused ones are tried again after a reconnect, when permissions may have changed. */
export class NatsSubscriptions {
  readonly #nats: NatsConnection;
  readonly #onRefused: (pattern: string) => void;
  readonly #entries = new Set<Entry>();

  constructor(nats: NatsConnection, onRefused: (pattern: string) => void) {
    this.#nats = nats;
    this.#onRefused = onRefused;
  }

  add(pattern: string, queue: string | undefined, callback: (message: Msg) => void): Subscription {
    const entry: Entry = { pattern, queue, callback, nats: undefined };
    this.#open(entry);
    this.#entries.add(entry);
    return { unsubscribe: () => this.#remove(entry) };
  }

  restoreRefused(): void {
    for (const entry of this.#entries) if (entry.nats === undefined) this.#open(entry);
  }

  /** Stops hearing all but one pattern; resolves when what the server had sent already was handed to the callbacks. */
  async endExcept(pattern: string, connected: boolean): Promise<void> {
    const ending = [...this.#entries].filter((entry) => entry.pattern !== pattern);
    // Without a connection there is nothing to drain, and a subscription left behind would live again with the next one.
    if (!connected) return ending.forEach((entry) => this.#remove(entry));
    for (const entry of ending) this.#entries.delete(entry);
    await Promise.allSettled(ending.map((entry) => entry.nats?.drain()));
  }

  #open(entry: Entry): void {
    entry.nats = this.#nats.subscribe(entry.pattern, {
      ...(entry.queue === undefined ? {} : { queue: entry.queue }),
      callback: (error, message) => {
        if (error === null) return entry.callback(message);
        entry.nats = undefined;
        this.#onRefused(entry.pattern);
      },
    });
  }

  #remove(entry: Entry): void {
    if (this.#entries.delete(entry)) entry.nats?.unsubscribe();
  }
}
