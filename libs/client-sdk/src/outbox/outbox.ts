import { asDcpError, DcpError, type PostAck, type SignedMessage } from '@dcp/protocol';
import type { Storage } from '../storage/storage.js';

export interface OutboxEntry {
  /** Order of writing, across restarts. */
  order: number;
  message: SignedMessage;
}

/** How an entry leaves the outbox. */
export type Outcome = { sent: PostAck } | { failed: DcpError };

export interface OutboxHandlers {
  /** Sends one message; rejects with a DcpError. */
  send(message: SignedMessage): Promise<PostAck>;
  /** The same message under a new time: its clock was refused, so it is not stored anywhere. */
  resign(message: SignedMessage): SignedMessage;
  onOutcome(message: SignedMessage, outcome: Outcome): void;
}

const PREFIX = 'outbox/';
/** Messages that may wait; more are refused, so that a client that is offline for ever does not fill its disk. */
export const MAX_OUTBOX = 10_000;

/**
 * Messages on their way: written down before they are sent, sent in order, kept until the node has answered. Sending the same id again
 * is safe (profile §4), so whatever happens in between nothing is lost and nothing appears twice.
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

  /** Reads what an earlier run left. */
  async load(): Promise<void> {
    const keys = await this.storage.keys(PREFIX);
    const stored = await Promise.all(keys.map((key) => this.storage.get<OutboxEntry>(key)));
    this.entries = stored.filter((entry) => entry !== undefined).sort((a, b) => a.order - b.order);
    this.nextOrder = (this.entries.at(-1)?.order ?? 0) + 1;
  }

  /** Resolves when the message is written down; its outcome comes later. */
  async add(message: SignedMessage): Promise<void> {
    if (this.entries.length >= MAX_OUTBOX)
      throw new DcpError('RATE_LIMITED', { reason: 'outbox_full', retry_after: 60 });
    const entry = { order: this.nextOrder++, message };
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

  private async run(): Promise<DcpError | undefined> {
    for (let entry = this.entries[0]; entry !== undefined; entry = this.entries[0]) {
      const outcome = await this.trySend(entry);
      if (outcome instanceof DcpError) return outcome;
      this.entries.shift();
      await this.storage.delete(keyOf(entry));
      this.handlers.onOutcome(entry.message, outcome);
    }
    return undefined;
  }

  /** An error that passes: not now; the entry stays. */
  private async trySend(entry: OutboxEntry): Promise<Outcome | DcpError> {
    try {
      return { sent: await this.handlers.send(entry.message) };
    } catch (thrown) {
      const error = asDcpError(thrown);
      if (error.code === 'SESSION_EXPIRED' || error.retryable) return error;
      if (error.details['reason'] !== 'clock_skew') return { failed: error };
      entry.message = this.handlers.resign(entry.message);
      await this.storage.set(keyOf(entry), entry);
      return await this.sendResigned(entry);
    }
  }

  /** A second refusal of the clock means that this machine's time is wrong: the user has to know. */
  private async sendResigned(entry: OutboxEntry): Promise<Outcome | DcpError> {
    try {
      return { sent: await this.handlers.send(entry.message) };
    } catch (thrown) {
      const error = asDcpError(thrown);
      return error.retryable ? error : { failed: error };
    }
  }
}

function keyOf({ order }: OutboxEntry): string {
  return `${PREFIX}${String(order).padStart(12, '0')}`;
}
