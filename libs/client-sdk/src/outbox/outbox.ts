import { asDcpError, DcpError, type PostAck, type SignedMessage } from '@dcp/protocol';
import type { Storage } from '../storage/storage.js';

/** What one has written, as oneself sees it. */
export interface OutgoingMessage {
  id: string;
  type: 'text';
  author: string;
  device: string;
  channel_id: string;
  timestamp: string;
  content: Record<string, unknown>;
}

export interface OutboxEntry {
  /** Order of writing, across restarts. */
  order: number;
  written: OutgoingMessage;
  /** As it was signed, and encrypted where the channel is: sending again must send the same bytes. */
  message?: SignedMessage;
}

/** How an entry leaves the outbox. */
export type Outcome = { sent: PostAck } | { failed: DcpError };

export interface OutboxHandlers {
  /** Signs, and encrypts where the channel is `e2ee`, under the time that `written` has. */
  prepare(written: OutgoingMessage): Promise<SignedMessage>;
  /** Sends one message; rejects with a DcpError. */
  send(message: SignedMessage): Promise<PostAck>;
  /** The node has refused this form (clock, key epoch) and stored nothing: what it knows better is learnt before the next try. */
  beforeRetry(written: OutgoingMessage, error: DcpError): Promise<void>;
  onOutcome(written: OutgoingMessage, outcome: Outcome): void;
}

const PREFIX = 'outbox/';
/** Messages that may wait; more are refused, so that a client that is offline for ever does not fill its disk. */
export const MAX_OUTBOX = 10_000;
/** Refusals that a newly prepared message can pass. */
export const PREPARED_AGAIN: ReadonlySet<string> = new Set(['clock_skew', 'stale_epoch', 'stale_state']);
const MAX_PREPARED = 20;

/**
 * Messages on their way: written down before they are sent, sent in order, kept until the node has answered. Sending the same id again
 * is safe (profile §4), so whatever happens in between nothing is lost and nothing appears twice. They are signed and encrypted just
 * before they go, under the keys of that moment.
 */
export class Outbox {
  private entries: OutboxEntry[] = [];
  private nextOrder = 1;
  private flushing: Promise<DcpError | undefined> | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly handlers: OutboxHandlers,
  ) {}

  get size(): number {
    return this.entries.length;
  }

  /** What waits, in order. */
  waiting(): OutgoingMessage[] {
    return this.entries.map(({ written }) => written);
  }

  /** Reads what an earlier run left. */
  async load(): Promise<void> {
    const keys = await this.storage.keys(PREFIX);
    const stored = await Promise.all(keys.map((key) => this.storage.get<OutboxEntry>(key)));
    this.entries = stored.filter((entry) => entry !== undefined).sort((a, b) => a.order - b.order);
    this.nextOrder = (this.entries.at(-1)?.order ?? 0) + 1;
  }

  /** Resolves when the message is written down; its outcome comes later. */
  async add(written: OutgoingMessage): Promise<void> {
    if (this.entries.length >= MAX_OUTBOX)
      throw new DcpError('RATE_LIMITED', { reason: 'outbox_full', retry_after: 60 });
    const entry = { order: this.nextOrder++, written };
    this.entries.push(entry);
    await this.storage.set(keyOf(entry), entry);
  }

  /**
   * Sends what waits, in order, until it is empty or the node cannot take it now; resolves with what stopped it. Calls overlap
   * without harm.
   */
  flush(): Promise<DcpError | undefined> {
    this.flushing ??= this.run().finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    await this.flushing?.catch(() => undefined);
  }

  private async run(): Promise<DcpError | undefined> {
    for (let entry = this.entries[0]; entry !== undefined; entry = this.entries[0]) {
      const outcome = await this.trySend(entry);
      if (outcome instanceof DcpError) return outcome;
      this.entries.shift();
      await this.storage.delete(keyOf(entry));
      this.handlers.onOutcome(entry.written, outcome);
    }
    return undefined;
  }

  /** An error that passes: not now; the entry stays. */
  private async trySend(entry: OutboxEntry): Promise<Outcome | DcpError> {
    for (let attempt = 1; ; attempt++) {
      try {
        return { sent: await this.handlers.send(await this.prepared(entry)) };
      } catch (thrown) {
        const error = asDcpError(thrown);
        if (error.code === 'SESSION_EXPIRED' || error.retryable) return error;
        const again = PREPARED_AGAIN.has(String(error.details['reason'])) && attempt < MAX_PREPARED;
        // A second refusal of the clock means that this machine's time is wrong: the user has to know.
        if (!again || (error.details['reason'] === 'clock_skew' && attempt > 1)) return { failed: error };
        const stopped = await this.forgetPrepared(entry, error);
        if (stopped !== undefined) return stopped;
      }
    }
  }

  private async prepared(entry: OutboxEntry): Promise<SignedMessage> {
    if (entry.message === undefined) {
      entry.message = await this.handlers.prepare(entry.written);
      await this.storage.set(keyOf(entry), entry);
    }
    return entry.message;
  }

  private async forgetPrepared(entry: OutboxEntry, error: DcpError): Promise<DcpError | undefined> {
    delete entry.message;
    entry.written = { ...entry.written, timestamp: new Date().toISOString() };
    await this.storage.set(keyOf(entry), entry);
    try {
      await this.handlers.beforeRetry(entry.written, error);
      return undefined;
    } catch (thrown) {
      return asDcpError(thrown);
    }
  }
}

function keyOf({ order }: OutboxEntry): string {
  return `${PREFIX}${String(order).padStart(12, '0')}`;
}
