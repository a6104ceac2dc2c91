import type { ServerEvent } from '@dcp/protocol';

/** Events that carry the next `seq` of a channel. */
export type EntryEvent = Extract<ServerEvent, { event: 'message' | 'message_hidden' }>;

/** Events that wait for a gap to be filled; more are dropped and read from the history instead. */
const MAX_WAITING = 2_000;
/** A gap that the node could not tell now is read again after this, so many times; then the next event or reconnect asks for it. */
const AGAIN_MS = 1_000;
const MOST_TRIES = 10;

/**
 * One channel as this client has seen it: lets each `seq` through once and in order. What comes ahead of a gap waits until the gap
 * has been read.
 */
export class ChannelCursor {
  private waiting: EntryEvent[] = [];
  private filling = false;
  private tries = 0;
  private stopped = false;

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
    if (seq === this.lastSeq + 1 && !this.filling && this.waiting.length === 0) return this.pass(event);
    if (this.waiting.length < MAX_WAITING) this.waiting.push(event);
    this.startFilling();
  }

  /** The channel was left: what is still read for this place is for nobody, and whoever comes back begins another one. */
  stop(): void {
    this.stopped = true;
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
    if (this.stopped) return;
    this.lastSeq = event.data.seq;
    this.deliver(event);
  }

  private startFilling(): void {
    if (this.filling || this.stopped) return;
    this.filling = true;
    void this.readGap(this).then(
      () => this.release(true),
      () => this.release(false),
    );
  }

  private release(wasRead: boolean): void {
    this.filling = false;
    const waiting = this.waiting.sort((a, b) => a.data.seq - b.data.seq);
    this.waiting = [];
    for (const event of waiting) {
      if (event.data.seq === this.lastSeq + 1) this.pass(event);
      else if (event.data.seq > this.lastSeq) this.waiting.push(event);
    }
    if (wasRead && this.waiting.length === 0) this.tries = 0;
    else this.tryAgain();
  }

  /** With the connection gone every try fails: the resume after the reconnect makes it good. */
  private tryAgain(): void {
    if (++this.tries < MOST_TRIES) {
      const timer: unknown = setTimeout(() => this.startFilling(), AGAIN_MS);
      // A program that has nothing else to do may end.
      (timer as { unref?: () => void }).unref?.();
      return;
    }
    this.tries = 0;
    this.waiting = [];
  }
}
