import { type Entry, type EntryBatch, MAX_BATCH_BYTES } from '@dcp/contracts';
import { wireSize } from './wire-size.js';

/** Consecutive entries as bus messages of at most MAX_BATCH_BYTES, each with one entry at least. */
export function entryBatches(channelId: string, name: string, entries: Entry[]): EntryBatch[] {
  const batches: EntryBatch[] = [];
  let current: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = wireSize(entry);
    if (current.length === 0 || bytes + size > MAX_BATCH_BYTES) {
      current = [];
      bytes = 0;
      batches.push({ channel_id: channelId, name, entries: current });
    }
    current.push(entry);
    bytes += size;
  }
  return batches;
}
