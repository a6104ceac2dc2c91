import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Logger } from '@dcp/node-kit';
import { MAX_SEND_KEYS, MAX_SEND_KEYS_BYTES } from '@dcp/protocol';
import type { OtherNodes } from './other-nodes.js';
import { passes } from './other-nodes.js';
import type { OutgoingBatch, OutgoingStore } from './outgoing.store.js';

const EVERY_MS = 500;
/** Longer than one question takes. */
const LEASE_MS = 10_000;
/** Whoever brings a node its messages waits so long for the keys that go before them. */
const DRAIN_MS = 5_000;
/** Another instance may be sending. */
const AGAIN_MS = 500;
/** §14.3. */
const FIRST_MS = 1_000;
const MOST_MS = 60_000;

/** Sends what waits for other nodes as soon as they can be reached: each node's items in order, by one instance at a time. */
export class Relay {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;

  constructor(
    private readonly store: OutgoingStore,
    private readonly nodes: OtherNodes,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.run(), EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /** The node is there again. */
  async wake(nodeId: string): Promise<void> {
    await this.store.wake(nodeId, new Date(this.clock.now())).catch(() => undefined);
    await this.run();
  }

  /** Sends what waits for a node that can be reached, as much as the time allows. Answers whether something still waits, and some of it went. */
  async drain(nodeId: string): Promise<{ waits: boolean; moves: boolean }> {
    const end = performance.now() + DRAIN_MS;
    const first = await this.store.next(nodeId);
    for (let next = first; next !== undefined; next = await this.store.next(nodeId)) {
      if (this.#stopping || performance.now() >= end) return { waits: true, moves: next !== first };
      // A round may take longer than there is time, and one that was under way may have passed the node by.
      await Promise.race([this.wake(nodeId), delay(Math.max(0, end - performance.now()), undefined, { ref: false })]);
      if ((await this.store.next(nodeId)) === next) await delay(AGAIN_MS);
    }
    return { waits: false, moves: first !== undefined };
  }

  /** Everything that is due, or the round that is running; never throws. */
  run(): Promise<void> {
    this.#running ??= this.#all()
      .catch((error: unknown) => this.logger.warn({ err: error }, 'keys for other nodes wait for the database'))
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #all(): Promise<void> {
    while (!this.#stopping) {
      const now = this.clock.now();
      const until = new Date(now + LEASE_MS);
      const batch = await this.store.lease(new Date(now), until, MAX_SEND_KEYS, MAX_SEND_KEYS_BYTES);
      if (batch === undefined) return;
      await this.#deliver(batch);
    }
  }

  async #deliver({ nodeId, failures, from, seqs, messages }: OutgoingBatch): Promise<void> {
    try {
      if (messages.length > 0) await this.nodes.send(nodeId, from, messages);
    } catch (error) {
      if (passes(error)) return await this.store.failed(nodeId, new Date(this.clock.now() + this.#pause(failures)));
      // The node will not take them ever: whoever misses a key asks for it.
      this.logger.info({ err: error, node: nodeId, items: seqs.length }, 'another node has refused keys');
    }
    await this.store.delivered(nodeId, seqs, new Date(this.clock.now()));
  }

  #pause(failures: number): number {
    return Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 10)) * (0.75 + this.random() / 2);
  }
}
