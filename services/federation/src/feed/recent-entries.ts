import type { EntryBatch } from '@dcp/contracts';
import { LRUCache } from 'lru-cache';

const MAX_CHANNELS = 2_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** Of one channel. */
const MAX_ENTRIES = 200;
const MAX_CHANNEL_BYTES = 512 * 1024;

/** What is wiped after that is read from the database, as it is then. */
const KEPT_MS = 10_000;

interface Kept {
  batch: EntryBatch;
  bytes: number;
}

/** What was committed last, as the bus told it: nodes that are not behind are fed from here, and the database is asked for the others. */
export class RecentEntries {
  readonly #channels = new LRUCache<string, Kept>({
    max: MAX_CHANNELS,
    maxSize: MAX_BYTES,
    ttl: KEPT_MS,
    sizeCalculation: ({ bytes }) => bytes + 200,
  });

  add(batch: EntryBatch): void {
    const { channel_id: channelId, entries } = batch;
    const bytes = entries.reduce((sum, { body }) => sum + body.length + 200, 0);
    const before = this.#channels.get(channelId);
    const follows = before?.batch.entries.at(-1)?.seq === (entries[0]?.seq ?? 0) - 1;
    const fits = before !== undefined && before.batch.entries.length + entries.length <= MAX_ENTRIES;
    if (follows && fits && before.bytes + bytes <= MAX_CHANNEL_BYTES)
      this.#channels.set(channelId, {
        batch: { ...batch, entries: [...before.batch.entries, ...entries] },
        bytes: before.bytes + bytes,
      });
    else if (bytes <= MAX_CHANNEL_BYTES) this.#channels.set(channelId, { batch, bytes });
    else this.#channels.delete(channelId);
  }

  /** The entries right behind a number, at most so many; undefined: they must be read. */
  after(channelId: string, seq: number, limit: number): EntryBatch | undefined {
    const batch = this.#channels.get(channelId)?.batch;
    const first = batch?.entries[0]?.seq;
    if (batch === undefined || first === undefined || seq < first - 1) return undefined;
    const entries = batch.entries.slice(seq - first + 1, seq - first + 1 + limit);
    return entries.length === 0 ? undefined : { ...batch, entries };
  }

  /** Something of the channel was wiped, or it is ordered elsewhere. */
  forget(channelId: string): void {
    this.#channels.delete(channelId);
  }
}
