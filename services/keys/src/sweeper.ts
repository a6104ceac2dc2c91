import { type Clock, type Logger, type Pool, withTransaction } from '@dcp/node-kit';
import type { PrismaClient } from './database.js';
import type { ForgetService } from './forget/forget.service.js';
import type { KeysMetrics } from './metrics.js';
import type { OutgoingStore } from './remote/outgoing.store.js';

/** Rows taken in one round; the next round comes soon. */
const CHUNK = 5_000;
const QUEUES_PER_ROUND = 200;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * What means nothing any more after so many milliseconds. A prekey that was handed out is remembered for as long as a device that was
 * away may publish it again, a message that was taken for as long as its sender may try again.
 */
const OLD_ROWS: [table: string, column: string, afterMs: number][] = [
  ['claim_counts', 'since', HOUR_MS],
  ['taken_items', 'taken_at', DAY_MS],
  ['prekeys', 'claimed_at', 30 * DAY_MS],
];

/** Queues that somebody uses now come in a later round. */
const OLD_QUEUES = `
  select q.user_id, q.device from queues q
  where (q.user_id, q.device) in (
    select user_id, device from (select user_id, device from queue_items where received_at <= $1 order by received_at limit ${CHUNK}) old)
  order by q.user_id, q.device limit ${QUEUES_PER_ROUND} for update skip locked`;
const EXPIRE = `
  with gone as (
    delete from queue_items i using unnest($2::text[], $3::text[]) as t (user_id, device)
    where i.user_id = t.user_id and i.device = t.device and i.received_at <= $1
    returning i.user_id, i.device, octet_length(i.body) as size),
  sums as (select user_id, device, count(*) as items, sum(size) as bytes from gone group by user_id, device)
  update queues q set items = q.items - s.items, bytes = q.bytes - s.bytes from sums s
  where q.user_id = s.user_id and q.device = s.device`;

const EXPIRE_OUTGOING = `
  with old as (select node_id, seq from outgoing_items where created_at <= $1 order by created_at limit ${CHUNK}),
  gone as (
    delete from outgoing_items i using old where i.node_id = old.node_id and i.seq = old.seq
    returning i.node_id, octet_length(i.body) as size),
  sums as (select node_id, count(*) as items, sum(size) as bytes from gone group by node_id)
  update outgoing_nodes n set items = n.items - s.items, bytes = n.bytes - s.bytes from sums s where n.node_id = s.node_id`;

export interface SweeperParts {
  pool: Pool;
  prisma: PrismaClient;
  forget: ForgetService;
  outgoing: OutgoingStore;
  clock: Clock;
  logger: Logger;
  metrics: KeysMetrics;
  queueDays: number;
}

/** Gives up what nobody fetched and removes rows that mean nothing any more. Safe on any number of replicas: all of it may be repeated. */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(private readonly parts: SweeperParts) {}

  start(everyMs: number): void {
    this.#timer = setInterval(() => void this.sweep(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  /** One round, or the one that is running; never throws, the next one tries again. */
  sweep(): Promise<void> {
    this.#round ??= this.#sweep().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #sweep(): Promise<void> {
    await this.#tried('revoked devices', () => this.parts.forget.carryOut());
    await this.#tried('old rows', () => this.#removeOldRows());
    await this.#tried('old queue items', () => this.#expireItems());
    await this.#tried('old keys for other nodes', () => this.#expireOutgoing());
    await this.#tried('counts', () => this.#count());
  }

  async #tried(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.logger.warn({ err: error, what }, 'could not sweep, trying again later');
    }
  }

  async #removeOldRows(): Promise<void> {
    const { pool, clock } = this.parts;
    for (const [table, column, afterMs] of OLD_ROWS) {
      const chosen = `select ctid from ${table} where ${column} <= $1 limit ${CHUNK} for update skip locked`;
      await pool.query(`delete from ${table} where ctid in (${chosen})`, [new Date(clock.now() - afterMs)]);
    }
  }

  #expireItems(): Promise<void> {
    const { pool, clock, queueDays } = this.parts;
    const before = new Date(clock.now() - queueDays * DAY_MS);
    return withTransaction(pool, async (client) => {
      const { rows } = await client.query<{ user_id: string; device: string }>(OLD_QUEUES, [before]);
      if (rows.length === 0) return;
      const columns = [rows.map(({ user_id }) => user_id), rows.map(({ device }) => device)];
      await client.query(EXPIRE, [before, ...columns]);
    });
  }

  async #expireOutgoing(): Promise<void> {
    const { pool, clock, queueDays } = this.parts;
    await pool.query(EXPIRE_OUTGOING, [new Date(clock.now() - queueDays * DAY_MS)]);
    await this.parts.outgoing.prune(new Date(clock.now() - HOUR_MS));
  }

  async #count(): Promise<void> {
    const { prisma, metrics } = this.parts;
    const { _sum: waiting } = await prisma.queue.aggregate({ _sum: { items: true, bytes: true } });
    const { _sum: kept } = await prisma.backup.aggregate({ _sum: { records: true } });
    metrics.queueItems.set(waiting.items ?? 0);
    metrics.queueBytes.set(Number(waiting.bytes ?? 0));
    metrics.backupRecords.set(kept.records ?? 0);
    const { _sum: outgoing } = await prisma.outgoingNode.aggregate({ _sum: { items: true } });
    metrics.outgoingItems.set(outgoing.items ?? 0);
  }
}
