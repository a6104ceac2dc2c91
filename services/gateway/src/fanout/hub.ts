import { at, CHANNEL, type EntryBatch } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import type { Logger } from '@dcp/node-kit';
import type { Connection } from '../sockets/connection.js';
import type { TurnOutbox } from '../sockets/outbox.js';
import type { GatewayMetrics } from '../metrics.js';
import { Room } from './room.js';

/** Entries read at once when a gap is filled. */
const FILL_PAGE = 500;
/** An empty room keeps its subscription this long. */
const EMPTY_ROOM_MS = 10_000;
/** Heads asked for in one request. */
const HEADS_PAGE = 1_000;

/**
 * The rooms of this gateway: which channels have a socket here, and what those sockets have been given. It hears the bus only for
 * these channels; the log is the truth wherever the bus lost something.
 */
export class Hub {
  private readonly rooms = new Map<string, Room>();
  private readonly dirty = new Set<Room>();

  constructor(
    private readonly bus: Bus,
    private readonly outbox: TurnOutbox,
    private readonly metrics: GatewayMetrics,
    private readonly logger: Logger,
  ) {
    outbox.addSource(() => this.flush());
    metrics.watch('rooms', () => this.rooms.size);
  }

  get(channelId: string): Room | undefined {
    return this.rooms.get(channelId);
  }

  /** The room of a channel, hearing the bus and knowing its head. Rejects when the channel service cannot be asked. */
  async open(channelId: string, name: string): Promise<Room> {
    let room = this.rooms.get(channelId);
    if (room === undefined) {
      room = new Room(channelId, name);
      this.rooms.set(channelId, room);
      room.ready = this.start(room);
    }
    await room.ready;
    return room;
  }

  private async start(room: Room): Promise<void> {
    const topic = at(CHANNEL.entries, room.channelId);
    room.subscription = this.bus.subscribe(topic, (batch) => this.accept(room, batch));
    try {
      await this.bus.flush();
      const { heads } = await this.bus.request(CHANNEL.heads, { channel_ids: [room.channelId] });
      room.lastSeq = heads[room.channelId] ?? 0;
      room.emptySince = Date.now();
      if (room.accept({ channel_id: room.channelId, name: room.name, entries: [] })) this.fill(room);
    } catch (error) {
      this.close(room);
      throw error;
    }
  }

  /** One batch from the bus or from the log. */
  accept(room: Room, batch: EntryBatch): void {
    const gap = room.accept(batch);
    if (room.hasPending) this.markDirty(room);
    if (gap) this.fill(room);
  }

  private markDirty(room: Room): void {
    this.dirty.add(room);
    this.outbox.schedule();
  }

  private flush(): void {
    if (this.dirty.size === 0) return;
    let deliveries = 0;
    for (const room of this.dirty) deliveries += room.flush();
    this.dirty.clear();
    this.metrics.deliveries.inc(deliveries);
  }

  /** Reads what is missing, once at a time for each room. A failure is tried again by the next head check. */
  private fill(room: Room): void {
    if (room.filling) return;
    room.filling = true;
    this.metrics.gaps.inc();
    this.readGap(room)
      .catch((error: unknown) => this.logger.warn({ err: error, channel_id: room.channelId }, 'gap not filled yet'))
      .finally(() => {
        room.filling = false;
      });
  }

  private async readGap(room: Room): Promise<void> {
    for (;;) {
      const page = await this.bus.request(CHANNEL.range, {
        channel_id: room.channelId,
        after: room.lastSeq,
        limit: FILL_PAGE,
      });
      room.accept(page);
      if (room.hasPending) this.markDirty(room);
      if (page.entries.length === 0 || room.lastSeq >= page.head) return;
    }
  }

  /** Compares every room with its channel's head: finds what the bus lost. Called every few seconds and after a reconnect. */
  async compareHeads(): Promise<void> {
    const ids = [...this.rooms.keys()];
    for (let start = 0; start < ids.length; start += HEADS_PAGE) {
      const page = ids.slice(start, start + HEADS_PAGE);
      const { heads } = await this.bus.request(CHANNEL.heads, { channel_ids: page });
      for (const id of page) {
        const room = this.rooms.get(id);
        if (room !== undefined && room.lastSeq >= 0 && (heads[id] ?? 0) > room.lastSeq) this.fill(room);
      }
    }
  }

  /** A closed socket leaves every room at once: a dead one costs a write for each delivery. */
  leaveAll(connection: Connection): void {
    for (const room of [...(connection.rooms ?? [])]) this.leave(room, connection);
    connection.rooms = null;
  }

  leave(room: Room, connection: Connection): void {
    if (room.hasPending) room.flush();
    room.leave(connection);
    if (room.connections.size === 0) room.emptySince = Date.now();
  }

  closeEmptyRooms(now: number = Date.now()): void {
    for (const room of this.rooms.values()) {
      if (room.connections.size === 0 && room.lastSeq >= 0 && now - room.emptySince > EMPTY_ROOM_MS) this.close(room);
    }
  }

  private close(room: Room): void {
    room.subscription?.unsubscribe();
    this.rooms.delete(room.channelId);
  }

  stop(): void {
    for (const room of this.rooms.values()) room.subscription?.unsubscribe();
  }
}
