import type { Entry, EntryBatch } from '@dcp/contracts';
import type { Subscription } from '@dcp/node-kit';
import type { Connection } from '../sockets/connection.js';
import { entryFrame, hiddenFrame } from './delivery.js';

/** Entries that came ahead of a gap wait here; more than this is dropped and read from the log instead. */
const MAX_HELD_ENTRIES = 2_000;

interface PendingEntry {
  frame: Buffer;
  author: string;
  seq: number;
}

/**
 * A channel with at least one socket on this gateway. It lets entries through in the order of their `seq`, each once: an older one
 * is dropped, the next one is delivered, a later one is held until the gap before it was read from the log.
 */
export class Room {
  /** The last `seq` handed to the sockets (or waiting for the end of the turn). -1 until the head is known. */
  lastSeq = -1;
  readonly connections = new Set<Connection>();
  subscription: Subscription | null = null;
  /** Resolves when `lastSeq` is known and the bus subscription is live. */
  ready: Promise<void> = Promise.resolve();
  filling = false;
  /** When the room became empty, in milliseconds; it closes a little later, so that a reconnect finds it. */
  emptySince = 0;
  private pending: PendingEntry[] = [];
  private held: Entry[] = [];

  constructor(
    readonly channelId: string,
    public name: string,
  ) {}

  /** Takes what came over the bus or out of the log. Returns true when entries before it are missing. */
  accept(batch: EntryBatch): boolean {
    for (const entry of batch.entries) this.acceptEntry(entry);
    if (this.held.length > 0) this.releaseHeld();
    return this.held.length > 0 && this.lastSeq >= 0;
  }

  private acceptEntry(entry: Entry): void {
    if (entry.seq <= this.lastSeq) return;
    if (this.lastSeq >= 0 && entry.seq === this.lastSeq + 1) this.deliver(entry);
    else if (this.held.length < MAX_HELD_ENTRIES) this.held.push(entry);
  }

  private releaseHeld(): void {
    if (this.lastSeq < 0) return;
    this.held.sort((a, b) => a.seq - b.seq);
    const later: Entry[] = [];
    for (const entry of this.held) {
      if (entry.seq === this.lastSeq + 1) this.deliver(entry);
      else if (entry.seq > this.lastSeq) later.push(entry);
    }
    this.held = later;
  }

  private deliver(entry: Entry): void {
    this.lastSeq = entry.seq;
    if (this.connections.size === 0) return;
    this.pending.push({ frame: entryFrame(entry, this.channelId, this.name), author: entry.author, seq: entry.seq });
  }

  get hasPending(): boolean {
    return this.pending.length > 0;
  }

  /** Hands what this turn collected to every socket: one buffer for all of them. Returns the number of deliveries. */
  flush(): number {
    const pending = this.pending;
    const first = pending[0];
    if (first === undefined) return 0;
    this.pending = [];
    const chunk = pending.length === 1 ? first.frame : Buffer.concat(pending.map((entry) => entry.frame));
    for (const connection of this.connections) {
      const blocked = connection.user?.blocked ?? null;
      if (blocked === null) connection.push(chunk);
      else this.pushFiltered(connection, pending, blocked);
    }
    return pending.length * this.connections.size;
  }

  private pushFiltered(connection: Connection, pending: PendingEntry[], blocked: Set<string>): void {
    for (const { frame, author, seq } of pending) {
      connection.push(blocked.has(author) ? hiddenFrame(seq, this.channelId, this.name) : frame);
    }
  }

  /**
   * Lets a connection hear everything after `lastSeq`, which is returned: what is pending was there before it came.
   */
  enter(connection: Connection): number {
    this.flush();
    if (!this.connections.has(connection)) {
      this.connections.add(connection);
      (connection.rooms ??= []).push(this);
    }
    return this.lastSeq;
  }

  leave(connection: Connection): void {
    if (!this.connections.delete(connection)) return;
    const at = connection.rooms?.indexOf(this) ?? -1;
    if (at >= 0) connection.rooms?.splice(at, 1);
  }
}
