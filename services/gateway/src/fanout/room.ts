import type { Entry, EntryBatch } from '@dcp/contracts';
import type { Subscription } from '@dcp/node-kit';
import type { Connection } from '../sockets/connection.js';
import { viewerName } from '@dcp/protocol';
import { entryFrame, hiddenFrame } from './delivery.js';

/** Entries that came ahead of a gap wait here; more than this is dropped and read from the log instead. */
const MAX_HELD_ENTRIES = 2_000;

interface PendingEntry {
  /** Null in a DM, where each viewer gets a frame of his own. */
  frame: Buffer | null;
  entry: Entry;
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
  /** A DM: each of its two members sees it under the other's name. */
  private readonly isDirect: boolean;
  private pending: PendingEntry[] = [];
  private held: Entry[] = [];

  constructor(
    readonly channelId: string,
    /** As the node calls the channel; another one when its home moves. */
    public name: string,
  ) {
    this.isDirect = name.startsWith('@');
  }

  /** The channel's name for whoever sits at this connection. */
  nameFor({ user }: Connection): string {
    return this.isDirect ? viewerName(this.name, user?.userId ?? '') : this.name;
  }

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
    this.pending.push({ frame: this.isDirect ? null : entryFrame(entry, this.channelId, this.name), entry });
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
    const chunk = this.isDirect ? null : joined(pending, first);
    for (const connection of this.connections) {
      const blocked = connection.user?.blocked ?? null;
      if (chunk !== null && blocked === null) connection.push(chunk);
      else this.pushOwn(connection, pending, blocked);
    }
    return pending.length * this.connections.size;
  }

  /** What is not the same for all: without those whom the viewer blocked, and in a DM under his name for it. */
  private pushOwn(connection: Connection, pending: PendingEntry[], blocked: Set<string> | null): void {
    const name = this.nameFor(connection);
    for (const { frame, entry } of pending) {
      if (blocked?.has(entry.author) === true) connection.push(hiddenFrame(entry.seq, this.channelId, name));
      else connection.push(frame ?? entryFrame(entry, this.channelId, name));
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

function joined(pending: PendingEntry[], { frame }: PendingEntry): Buffer | null {
  if (pending.length === 1) return frame;
  return Buffer.concat(pending.flatMap((one) => one.frame ?? []));
}
