import { at, CHANNEL, type Entry } from '@dcp/contracts';
import type { Bus, Clock, Logger, Pool, Subscription } from '@dcp/node-kit';
import type { AppendedEntries } from './commit.js';
import type { NumberedEntry } from './commit-plan.js';
import { entryBatches } from './entry-batches.js';
import type { LogMetrics } from './log-metrics.js';
import { findUnpublished, markPublished, readEntriesAfter, type UnpublishedChannel } from './publisher.store.js';

/** How often what was published is written down. */
const MARK_MS = 1_000;
/** How often heads are compared with what was published. */
const SCAN_MS = 30_000;
/** Younger entries are still on their way. */
const SCAN_AGE_MS = 5_000;
/** Of a channel that is further behind only the end is published again: receivers see the gap and read it. */
const REPUBLISH_AT_MOST = 1_000;
const REPUBLISH_PAGE = 100;
/** Channels with something to write down; above this the next scan finds them. */
const MAX_UNMARKED = 50_000;

export interface PublisherParts {
  bus: Bus;
  pool: Pool;
  clock: Clock;
  logger: Logger;
  metrics: Pick<LogMetrics, 'publishLag' | 'republished'>;
}

/**
 * Tells the gateways what was committed. The log is the outbox: `published_seq` follows lazily, after the bus has confirmed, and
 * whatever lies beyond it after a crash or a lost bus is published again. Receivers drop repeats by `seq` and read gaps themselves.
 */
export class Publisher {
  /** The last entry handed to the bus, by channel; emptied by every mark. */
  #unmarked = new Map<string, number>();
  #lag = 0;
  #work: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  #reconnected: Subscription | undefined;

  constructor(private readonly parts: PublisherParts) {}

  /** Publishes what an earlier life left behind, and keeps looking for more of it. */
  start(): void {
    this.#timers = [
      setInterval(() => void this.mark(), MARK_MS),
      setInterval(() => void this.republish(SCAN_AGE_MS), SCAN_MS),
    ];
    this.#reconnected = this.parts.bus.onReconnect(() => void this.republish(0));
    void this.republish(0);
  }

  async stop(): Promise<void> {
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#reconnected?.unsubscribe();
    await this.mark();
  }

  /** Publishes new entries in the order of `seq`, one message for each channel unless they are large. Never throws. */
  publish(appended: AppendedEntries[]): void {
    for (const { channelId, name, entries, receivedAt } of appended) {
      this.publishEntries(
        channelId,
        name,
        entries.map((entry) => publicEntry(entry, receivedAt)),
      );
    }
  }

  /** As `publish`, of one channel. */
  publishEntries(channelId: string, name: string, entries: Entry[]): void {
    if (this.parts.bus.state !== 'connected') return;
    try {
      this.#send(channelId, name, entries);
    } catch (error) {
      this.parts.logger.error({ err: error }, 'could not publish what was committed');
    }
  }

  /** Writes down what the bus has confirmed. */
  mark(): Promise<void> {
    return this.#inTurn(() => this.#mark());
  }

  /** Publishes again what is in the log for at least `ageMs` and not noted as published. */
  republish(ageMs: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#mark();
      if (this.parts.bus.state !== 'connected') return;
      const before = new Date(this.parts.clock.now() - ageMs);
      for (const channel of await findUnpublished(this.parts.pool, before)) await this.#republishChannel(channel);
      await this.#mark();
    });
  }

  /** One at a time. A failure leaves everything to the next scan. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.parts.logger.warn({ err: error }, 'could not keep account of what was published');
    });
    return this.#work;
  }

  async #mark(): Promise<void> {
    const marks = this.#unmarked;
    if (marks.size === 0) return;
    this.#unmarked = new Map();
    this.#lag = 0;
    await this.parts.bus.flush();
    await markPublished(this.parts.pool, marks);
    this.parts.metrics.publishLag.set(this.#lag);
  }

  async #republishChannel({ channelId, name, publishedSeq, lastSeq }: UnpublishedChannel): Promise<void> {
    let after = Math.max(publishedSeq, lastSeq - REPUBLISH_AT_MOST);
    while (after < lastSeq) {
      const entries = await readEntriesAfter(this.parts.pool, channelId, after, REPUBLISH_PAGE);
      if (entries.length === 0) return;
      this.#send(channelId, name, entries);
      this.parts.metrics.republished.inc(entries.length);
      after = entries.at(-1)?.seq ?? lastSeq;
    }
  }

  #send(channelId: string, name: string, entries: Entry[]): void {
    const topic = at(CHANNEL.entries, channelId);
    for (const batch of entryBatches(channelId, name, entries)) this.parts.bus.publish(topic, batch);
    this.#note(channelId, entries.at(-1)?.seq ?? 0);
    this.#lag += entries.length;
    this.parts.metrics.publishLag.set(this.#lag);
  }

  #note(channelId: string, seq: number): void {
    const noted = this.#unmarked.get(channelId);
    if (noted === undefined && this.#unmarked.size >= MAX_UNMARKED) return;
    this.#unmarked.set(channelId, Math.max(seq, noted ?? 0));
  }
}

function publicEntry({ seq, id, type, author, body }: NumberedEntry, receivedAt: string): Entry {
  return { seq, id, type, author, received_at: receivedAt, body };
}
