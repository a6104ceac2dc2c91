import { CHANNEL, type Entry, type EntryBatch } from '@dcp/contracts';
import type { Bus, Logger } from '@dcp/node-kit';
import { asDcpError, DcpError, type OrderStatement } from '@dcp/protocol';
import { backoffMs } from '../link/backoff.js';
import type { Link } from '../link/link.js';
import type { FederationMetrics } from '../metrics.js';
import type { Audience } from './audience.js';
import type { Cursor, CursorStore } from './cursor.store.js';
import type { Orders } from './orders.js';
import type { RecentEntries } from './recent-entries.js';
import { headAfter } from './running-head.js';

export interface NodeFeedParts {
  bus: Bus;
  orders: Orders;
  recent: RecentEntries;
  audience: Audience;
  cursors: CursorStore;
  logger: Logger;
  metrics: FederationMetrics;
  retryMs: number;
}

/** A node to which this instance has the link. */
export interface HeldNode {
  peer: string;
  /** Of the lease, which may change hands and come back while the link stays; undefined: another link or instance has it. */
  token: () => number | undefined;
}

/** Channels that are fed at the same time; each has one batch under way. */
const MAX_AT_ONCE = 8;
const PAGE = 200;
/** Below what one frame may carry, with room for its envelope. */
const MAX_BATCH_BYTES = 400 * 1024;
const ANSWER_MS = 20_000;
/** No lease has it. */
const NO_TOKEN = -1;
/** Names of an entry's members, and its number. */
const MEMBER_BYTES = 100;
/** A UTF-16 unit in a JSON string: `\u0000`. */
const MOST_BYTES_OF_UNIT = 6;

/** Brings one node what it has not taken of the channels in which it has members, over one link. */
export class NodeFeed {
  readonly #cursors = new Map<string, Cursor>();
  readonly #dirty = new Set<string>();
  readonly #active = new Map<string, Promise<void>>();
  readonly #again = new Map<string, NodeJS.Timeout>();
  readonly #failures = new Map<string, number>();
  /** Channels whose last batch was taken, which the database does not know yet. */
  readonly #unwritten = new Set<string>();
  /** Before that it is not known where the node is. */
  #isStarted = false;
  #stopped = false;

  constructor(
    private readonly parts: NodeFeedParts,
    private readonly held: HeldNode,
    private readonly link: Link,
  ) {}

  /** Reads where the node is, then brings everything that is missing. */
  async start(): Promise<void> {
    for (const [channelId, cursor] of await this.parts.cursors.ofPeer(this.held.peer))
      this.#cursors.set(channelId, cursor);
    this.#isStarted = true;
    for (const channelId of this.parts.audience.channelsOf(this.held.peer)) this.wake(channelId);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#dirty.clear();
    for (const timer of this.#again.values()) clearTimeout(timer);
    this.#again.clear();
    await Promise.allSettled(this.#active.values());
  }

  /** Something may be missing there. */
  wake(channelId: string): void {
    if (this.#stopped || this.#again.has(channelId)) return;
    this.#dirty.add(channelId);
    if (this.#isStarted) this.#pump();
  }

  /** Entries that the node has not taken, over all its channels. */
  lag(): number {
    const { audience } = this.parts;
    let lag = 0;
    for (const channelId of audience.channelsOf(this.held.peer)) {
      const cursor = this.#cursorOf(channelId);
      if (cursor !== undefined) lag += Math.max(0, audience.lastSeq(channelId, this.held.peer) - cursor.seq);
    }
    return lag;
  }

  #pump(): void {
    for (const channelId of this.#dirty) {
      if (this.#active.size >= MAX_AT_ONCE) return;
      if (this.#active.has(channelId)) continue;
      this.#dirty.delete(channelId);
      const work = this.#feed(channelId).finally(() => {
        this.#active.delete(channelId);
        this.#pump();
      });
      this.#active.set(channelId, work);
    }
  }

  async #feed(channelId: string): Promise<void> {
    try {
      while (!this.#stopped && this.link.isUp && (await this.#step(channelId)));
      await this.#noteTaken(channelId);
      this.#failures.delete(channelId);
    } catch (error) {
      this.#later(channelId, error);
    }
  }

  /** One batch; false when nothing is missing any more. */
  async #step(channelId: string): Promise<boolean> {
    const cursor = this.#cursorOf(channelId);
    if (cursor === undefined) return false;
    const { audience, metrics } = this.parts;
    if (audience.lastSeq(channelId, this.held.peer) <= cursor.seq) return false;
    const until = audience.spanOf(channelId, this.held.peer)?.until ?? 0;
    if (cursor.seq >= until) return false;
    const limit = cursor.sentTo === null ? PAGE : Math.min(PAGE, cursor.sentTo - cursor.seq);
    const page = await this.#entriesAfter(channelId, cursor.seq, limit);
    const entries = fitting(page.entries.filter(({ seq }) => seq <= until));
    const order = this.#order(channelId, cursor, entries);
    if (order === undefined) return false;
    // What was taken before is written by the same statement.
    await this.#keep(channelId, cursor, { to: order.to, head: order.head });
    this.#unwritten.delete(channelId);
    const batch: EntryBatch & { order: OrderStatement } = { channel_id: channelId, name: page.name, entries, order };
    const { last_seq } = (await this.link.ask('entries', batch, ANSWER_MS)) as { last_seq?: unknown };
    if (typeof last_seq !== 'number' || last_seq < order.to) throw new BehindError(last_seq);
    this.#cursors.set(channelId, { seq: order.to, head: order.head, sentTo: null, epoch: cursor.epoch });
    this.#unwritten.add(channelId);
    metrics.fed.inc(entries.length);
    return true;
  }

  /** When nothing follows. Were it lost, the node would be offered its last batch again. */
  async #noteTaken(channelId: string): Promise<void> {
    const taken = this.#cursors.get(channelId);
    if (!this.#unwritten.delete(channelId) || taken === undefined) return;
    await this.#keep(channelId, taken);
  }

  /**
   * Where the node is; where it begins when it has nothing, or when it has come back after its members had left. When the home has moved
   * it begins with the last entry from before: who has it repeats it, and who is further behind says so.
   */
  #cursorOf(channelId: string): Cursor | undefined {
    const { audience } = this.parts;
    const since = audience.spanOf(channelId, this.held.peer)?.since;
    const order = audience.epochOf(channelId);
    if (since === undefined || order === undefined) return undefined;
    const cursor = this.#cursors.get(channelId);
    if (cursor?.epoch === order.epoch && cursor.seq >= since - 1) return cursor;
    return { seq: Math.max(since, order.begun) - 1, head: null, sentTo: null, epoch: order.epoch };
  }

  async #entriesAfter(channelId: string, after: number, limit: number): Promise<EntryBatch> {
    const { bus, recent } = this.parts;
    const kept = recent.after(channelId, after, limit);
    return kept ?? (await bus.request(CHANNEL.range, { channel_id: channelId, after, limit }));
  }

  #order(channelId: string, cursor: Cursor, entries: readonly Entry[]): OrderStatement | undefined {
    const [first, last] = [entries[0], entries.at(-1)];
    const head = headAfter(cursor.head, entries);
    if (first === undefined || last === undefined || head === null) return undefined;
    const { epoch, head: prev_head } = cursor;
    return this.parts.orders.sign({ channel_id: channelId, epoch, from: first.seq, to: last.seq, prev_head, head });
  }

  /** Throws where the lease is in other hands: if it does not come back, whoever looks after the links ends this one soon. */
  async #keep(channelId: string, cursor: Cursor, sent?: { to: number; head: string }): Promise<void> {
    const { peer, token } = this.held;
    const lease = { peer, token: token() ?? NO_TOKEN };
    if (await this.parts.cursors.put(lease, channelId, cursor, sent)) return;
    throw new DcpError('MAINTENANCE_MODE', { reason: 'no_lease' });
  }

  #later(channelId: string, error: unknown): void {
    if (this.#stopped || !this.link.isUp) return;
    const failures = (this.#failures.get(channelId) ?? 0) + 1;
    this.#failures.set(channelId, failures);
    this.#rewind(channelId, error);
    const { code, details } = asDcpError(error);
    if (details['reason'] === 'old_epoch') return this.#over(channelId);
    const told = { node_id: this.held.peer, channel_id: channelId, code, reason: details['reason'], failures };
    this.parts.logger.info(told, 'a node did not take entries, trying again later');
    const again = () => {
      this.#again.delete(channelId);
      this.wake(channelId);
    };
    this.#again.set(channelId, setTimeout(again, backoffMs(failures, this.parts.retryMs, Math.random)));
  }

  /** The node hears the channel from its new home. */
  #over(channelId: string): void {
    const cursor = this.#cursorOf(channelId);
    if (cursor !== undefined) this.#cursors.set(channelId, { ...cursor, seq: Number.MAX_SAFE_INTEGER });
  }

  /** The node has less than it should (its database was restored): it begins anew where it is. */
  #rewind(channelId: string, error: unknown): void {
    const told = error instanceof BehindError ? error.lastSeq : asDcpError(error).details['last_seq'];
    const cursor = this.#cursorOf(channelId);
    const since = this.parts.audience.spanOf(channelId, this.held.peer)?.since;
    if (typeof told !== 'number' || !Number.isSafeInteger(told) || cursor === undefined || since === undefined) return;
    if (told >= cursor.seq) return;
    this.#cursors.set(channelId, { seq: Math.max(told, since - 1), head: null, sentTo: null, epoch: cursor.epoch });
  }
}

/** The node has answered without an error, but has not taken everything. */
class BehindError extends Error {
  constructor(readonly lastSeq: unknown) {
    super('the node has not taken everything');
  }
}

/** As many as fit into one frame; at least one. */
function fitting(entries: Entry[]): Entry[] {
  if (entries.reduce((sum, entry) => sum + atMost(entry), 0) <= MAX_BATCH_BYTES) return entries;
  let bytes = 0;
  const over = entries.findIndex((entry, at) => {
    bytes += Buffer.byteLength(JSON.stringify(entry));
    return at > 0 && bytes > MAX_BATCH_BYTES;
  });
  return entries.slice(0, over < 0 ? entries.length : over);
}

/** Bytes of an entry as JSON, never less than it really has: most batches are so small that nobody has to count. */
function atMost({ id, type, author, received_at, body }: Entry): number {
  return (
    MEMBER_BYTES + MOST_BYTES_OF_UNIT * (id.length + type.length + author.length + received_at.length + body.length)
  );
}
