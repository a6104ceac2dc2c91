import type { Clock, Logger } from '@dcp/node-kit';
import type { Asks } from './asks.js';
import type { ChainGap, ChainGapStore } from './chain-gap.store.js';
import { type OrderedEntry, orderedEntry } from './ordered-entry.js';

const EVERY_MS = 2_000;
const AGAIN_MS = 5_000;
/** Longer than one page takes. */
const LEASE_MS = 20_000;
/** State entries of one channel; more have no place here. */
const MAX_CHAIN = 2_000_000;

export interface ChainFillerParts {
  store: ChainGapStore;
  asks: Asks;
  clock: Clock;
  logger: Logger;
  nodeId: string;
}

/**
 * A user joins a large readable channel of another node in one round trip: who else is in it is read afterwards, page by page, by one
 * instance at a time. Until then the list of members is short, and nothing else is.
 */
export class ChainFiller {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;

  constructor(private readonly parts: ChainFillerParts) {}

  start(): void {
    this.#timer = setInterval(() => void this.run(), EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Everything that is open, or the round that is running; never throws. */
  run(): Promise<void> {
    this.#running ??= this.#all()
      .catch((error: unknown) =>
        this.parts.logger.warn({ err: error }, 'members of other nodes’ channels wait for the database'),
      )
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #all(): Promise<void> {
    while (!this.#stopping) {
      const now = this.parts.clock.now();
      const gap = await this.parts.store.lease(new Date(now), new Date(now + LEASE_MS));
      if (gap === undefined) return;
      try {
        await this.#fill(gap);
      } catch (error) {
        await this.parts.store.postpone(gap.channelId, new Date(this.parts.clock.now() + AGAIN_MS));
        this.parts.logger.info(
          { err: error, node: gap.homeNode },
          'the members of a channel could not be read from its home yet',
        );
      }
    }
  }

  async #fill(gap: ChainGap): Promise<void> {
    const { asks, store, nodeId } = this.parts;
    const request = { channel_id: gap.channelId, user_id: nodeId, after: gap.after };
    const page = await asks.ask(gap.homeNode, 'channel_state', request);
    const wanted: OrderedEntry[] = [];
    for (const entry of page.entries) {
      if (entry.seq <= (wanted.at(-1)?.seq ?? gap.after)) throw new Error('the home repeats or shuffles its chain');
      if (entry.seq >= gap.before) break;
      wanted.push(orderedEntry(entry, gap.channelId));
    }
    const isEnd = !page.has_more || wanted.length < page.entries.length || wanted.length === 0;
    await store.fill(gap, wanted, isEnd || (wanted.at(-1)?.seq ?? 0) > MAX_CHAIN);
  }
}
