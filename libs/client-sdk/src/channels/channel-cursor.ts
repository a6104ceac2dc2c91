import type { ServerEvent } from '@dcp/protocol';

/** Events that carry the next `seq` of a channel. */
export type EntryEvent = Extract<ServerEvent, { event: 'message' | 'message_hidden' }>;

/** Events that wait for a gap to be filled; more are dropped and read from the history instead. */
const MAX_WAITING = 2_000;

/**
 * One channel as this client has seen it: lets each `seq` through once and in order. What comes ahead of a gap waits until the gap
 * has been read.
 */
export class ChannelCursor {
  private waiting: EntryEvent[] = [];
  private filling = false;

  constructor(
    readonly channelId: string,
    public name: string,
    public lastSeq: number,
    private readonly deliver: (event: EntryEvent) => void,
    /** Reads what follows `after` and gives it to `fill`; resolves when there is no more. */
    private readonly readGap: (cursor: ChannelCursor) => Promise<void>,
  ) {}

  accept(event: EntryEvent): void {
    const { seq } = event.data;
    if (seq <= this.lastSeq) return;
    if (seq === this.lastSeq + 1 && !this.filling) return this.pass(event);
    if (this.waiting.length < MAX_WAITING) this.waiting.push(event);
    this.startFilling();
  }

  /** The node says that more was missed than it replays. */
  gap(): void {
    this.startFilling();
  }

  /** Events of a history page; `upTo` is the last `seq` that the page covers, whatever the node left out of it. */
  fill(events: readonly EntryEvent[], upTo: number): void {
    for (const event of events) if (event.data.seq > this.lastSeq) this.pass(event);
    this.lastSeq = Math.max(this.lastSeq, upTo);
  }

  private pass(event: EntryEvent): void {
    this.lastSeq = event.data.seq;
    this.deliver(event);
  }

  private startFilling(): void {
    if (this.filling) return;
    this.filling = true;
    // A failure (the connection is gone) is made good by the resume that follows the reconnect.
    void this.readGap(this)
      .catch(() => undefined)
      .then(() => this.release());
  }

  private release(): void {
    this.filling = false;
    const waiting = this.waiting.sort((a, b) => a.data.seq - b.data.seq);
    this.waiting = [];
    for (const event of waiting) if (event.data.seq === this.lastSeq + 1) this.pass(event);
  }
}
