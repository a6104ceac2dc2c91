import type { DeliveredMessage } from '@dcp/protocol';
import type { Archive, Found } from './archive.js';

const PAUSE_MS = 500;
/** Messages that may wait to be written; a burst above it is not indexed, and can still be read from the node. */
const MAX_WAITING = 2_000;

/** Messages of readable channels on their way into the archive: written in batches, since nothing depends on them. */
export class ReadableKeeper {
  private waiting: Found[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly archive: Archive) {}

  add({ channel_id: channelId, id, author, timestamp, content, type }: DeliveredMessage): void {
    if (!this.archive.enabled || type === 'system' || this.waiting.length >= MAX_WAITING) return;
    this.waiting.push({ channelId, id, author, timestamp, content, type });
    this.timer ??= setTimeout(() => void this.store().catch(() => undefined), PAUSE_MS);
  }

  /** Writes what waits. */
  async store(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const batch = this.waiting.splice(0);
    if (batch.length > 0) await this.archive.keepReadable(batch);
  }
}
