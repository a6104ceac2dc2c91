import type { Bus, Rpc, Subscription } from '@dcp/node-kit';

/** The group in which the instances of this service share requests. */
const QUEUE = 'trust-chain';

/** What this instance answers, and what it is answering now: a stop takes no more requests and finishes those that began. */
export class Answering {
  readonly #subscriptions: Subscription[] = [];
  readonly #running = new Set<Promise<unknown>>();

  constructor(private readonly bus: Bus) {}

  serve<I, O>(rpc: Rpc<I, O>, handler: (input: I) => Promise<O> | O): void {
    this.#subscriptions.push(this.bus.serve(rpc, (input) => this.#tracked(async () => handler(input)), QUEUE));
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    await Promise.allSettled(this.#running);
  }

  #tracked<O>(answer: () => Promise<O>): Promise<O> {
    const tracked = answer().finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
    return tracked;
  }
}
