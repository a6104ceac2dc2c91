import type { OrderStatement } from '@dcp/protocol';
import type { Pool } from '@dcp/node-kit';
import type { PrismaClient } from '../database.js';
import type { HeardOrder } from './judge-order.js';

interface Row {
  key: string | null;
  /** Null, like all behind it: nothing was heard of the channel. */
  home: string | null;
  epoch: number;
  base: string;
  base_head: string | null;
  seq: string;
  head: string;
  stopped: boolean;
}

/** Once for every batch of every channel: one row, whatever of it is there. */
const HEARD = `
  select p.key, h.home, h.epoch, h.base, h.base_head, h.seq, h.head, h.stopped_at is not null as stopped
  from (values ($1::text, $2::text)) as asked (node_id, channel_id)
  left join peers p on p.node_id = asked.node_id
  left join replica_heads h on h.channel_id = asked.channel_id`;

const BEGIN = `
  insert into replica_heads (channel_id, home, epoch, base, base_head, seq, head, last_order)
  values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb) on conflict do nothing`;

const ADVANCE = `
  update replica_heads set home = $2, epoch = $3, base = $4, base_head = $5, seq = $6, head = $7, last_order = $8::jsonb
  where channel_id = $1 and seq = $9 and head = $10 and stopped_at is null`;

const STOP = `
  update replica_heads set stopped_at = $2, evidence = jsonb_build_object('first', last_order, 'second', $3::jsonb)
  where channel_id = $1 and stopped_at is null`;

/** What this node has heard of the order of channels whose homes are elsewhere. */
export class ReplicaStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly pool: Pool,
  ) {}

  /** A node's pinned key, and what was heard of a channel from whatever node: what it takes to judge an order. */
  async heard(node: string, channelId: string): Promise<{ key: string | undefined; heard: HeardOrder | undefined }> {
    const { rows } = await this.pool.query<Row>({ name: 'heard_order', text: HEARD, values: [node, channelId] });
    const [row] = rows;
    return { key: row?.key ?? undefined, heard: row === undefined || row.home === null ? undefined : orderOf(row) };
  }

  /** Where these channels are ordered; those of which nothing was heard are left out. */
  async homesOf(channelIds: readonly string[]): Promise<Map<string, string>> {
    const select = { channelId: true, home: true };
    const rows = await this.prisma.replicaHead.findMany({ where: { channelId: { in: [...channelIds] } }, select });
    return new Map(rows.map(({ channelId, home }) => [channelId, home]));
  }

  /** What a node orders; of more than `limit` channels, some. */
  async channelsOf(home: string, limit: number): Promise<string[]> {
    const rows = await this.prisma.replicaHead.findMany({ where: { home }, select: { channelId: true }, take: limit });
    return rows.map(({ channelId }) => channelId);
  }

  /** After the replica has taken the batch; nothing when another instance was quicker. */
  async advance(home: string, order: OrderStatement, heard: HeardOrder | undefined): Promise<void> {
    const { channel_id, epoch, from, to, prev_head, head } = order;
    const values = [channel_id, home, epoch, from - 1, prev_head, to, head, JSON.stringify(order)];
    if (heard === undefined) await this.pool.query({ name: 'begin_order', text: BEGIN, values });
    else await this.pool.query({ name: 'advance_order', text: ADVANCE, values: [...values, heard.seq, heard.head] });
  }

  /** Keeps the order that was heard before and the one that contradicts it. */
  async stop(channelId: string, second: OrderStatement, now: Date): Promise<void> {
    await this.pool.query(STOP, [channelId, now, JSON.stringify(second)]);
  }
}

function orderOf({ home, epoch, base, base_head, seq, head, stopped }: Row): HeardOrder {
  return { home: home ?? '', epoch, base: Number(base), baseHead: base_head, seq: Number(seq), head, stopped };
}
