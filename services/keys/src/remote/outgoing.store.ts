import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import type { DeviceReference, KeyMessage } from '@dcp/protocol';
import type { QueueLimits } from '../queue/placement.js';

/** Nodes for which something may wait; nobody can make up more of them. */
const MAX_NODES = 10_000;
const NEW_NODE = `
  insert into outgoing_nodes (node_id, next_at, leased_until)
  select $1, $2, 'epoch' where (select count(*) from outgoing_nodes) < ${MAX_NODES} on conflict do nothing`;
const LOCK_NODE = 'select items, bytes::float8 as bytes from outgoing_nodes where node_id = $1 for update';
const PUT = `
  insert into outgoing_items (node_id, from_user, from_device, user_id, device, id, body, created_at)
  select $1, $2, $3, t.*, $4 from unnest($5::text[], $6::text[], $7::text[], $8::text[]) as t
  on conflict do nothing returning octet_length(body) as size`;
const GROW = 'update outgoing_nodes set items = items + $2, bytes = bytes + $3 where node_id = $1';

/** The node that has waited longest, for whoever comes first. */
const LEASE = `
  update outgoing_nodes set leased_until = $2
  where node_id = (select node_id from outgoing_nodes where next_at <= $1 and leased_until <= $1 and items > 0
    order by next_at limit 1 for update skip locked)
  returning node_id, failures`;
/** The oldest, and what follows it of the same sender. */
const FIRST = `
  select seq::float8 as seq, from_user, from_device, user_id, device, id, body from outgoing_items
  where node_id = $1 order by seq limit $2`;
const DELIVERED = `
  with gone as (
    delete from outgoing_items where node_id = $1 and seq = any($2::bigint[]) returning octet_length(body) as size)
  update outgoing_nodes set failures = 0, next_at = $3, leased_until = $3, items = items - (select count(*) from gone),
    bytes = bytes - (select coalesce(sum(size), 0) from gone)
  where node_id = $1`;
/** Nobody holds it until then: who hears that the node is back may send at once. */
const FAILED =
  "update outgoing_nodes set failures = failures + 1, next_at = $2, leased_until = 'epoch' where node_id = $1";

export interface OutgoingBatch {
  nodeId: string;
  failures: number;
  from: DeviceReference;
  seqs: number[];
  messages: KeyMessage[];
}

interface Item extends KeyMessage {
  seq: number;
  from_user: string;
  from_device: string;
}

/** What waits for other nodes, in the order in which it was sent. */
export class OutgoingStore {
  constructor(
    private readonly pool: Pool,
    private readonly limits: QueueLimits,
  ) {}

  async waits(nodeId: string): Promise<boolean> {
    const { rows } = await this.pool.query<{ items: number }>({
      name: 'outgoing_waits',
      text: 'select items from outgoing_nodes where node_id = $1',
      values: [nodeId],
    });
    return (rows[0]?.items ?? 0) > 0;
  }

  /** The number of the item that a node is sent next; undefined: nothing waits for it. */
  async next(nodeId: string): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ seq: number | null }>({
      name: 'outgoing_next',
      text: 'select min(seq)::float8 as seq from outgoing_items where node_id = $1',
      values: [nodeId],
    });
    return rows[0]?.seq ?? undefined;
  }

  /** All of them or none; false: the node's queue is full. Each is there once, however often it is put. */
  put(nodeId: string, from: DeviceReference, messages: readonly KeyMessage[], now: Date): Promise<boolean> {
    return withTransaction(this.pool, async (client) => {
      await client.query(NEW_NODE, [nodeId, now]);
      const { rows } = await client.query<QueueLimits>(LOCK_NODE, [nodeId]);
      const [held] = rows;
      if (held === undefined) return false;
      const bytes = messages.reduce((sum, { body }) => sum + body.length, 0);
      if (held.items + messages.length > this.limits.items || held.bytes + bytes > this.limits.bytes) return false;
      await insert(client, nodeId, from, messages, now);
      return true;
    });
  }

  /** What one node is sent next, held until `until`; undefined: nothing is due. */
  async lease(now: Date, until: Date, most: number, bytes: number): Promise<OutgoingBatch | undefined> {
    const { rows } = await this.pool.query<{ node_id: string; failures: number }>(LEASE, [now, until]);
    const [node] = rows;
    if (node === undefined) return undefined;
    const { rows: items } = await this.pool.query<Item>(FIRST, [node.node_id, most]);
    const [first] = items;
    const from = { user_id: first?.from_user ?? '', device: first?.from_device ?? '' };
    const same = items.slice(0, lengthOfRun(items, bytes));
    const messages = same.map(({ user_id, device, id, body }) => ({ user_id, device, id, body }));
    return { nodeId: node.node_id, failures: node.failures, from, seqs: same.map(({ seq }) => seq), messages };
  }

  async delivered(nodeId: string, seqs: readonly number[], now: Date): Promise<void> {
    await this.pool.query(DELIVERED, [nodeId, seqs, now]);
  }

  async failed(nodeId: string, next: Date): Promise<void> {
    await this.pool.query(FAILED, [nodeId, next]);
  }

  /** Nodes for which nothing waits any more. */
  async prune(before: Date): Promise<void> {
    await this.pool.query('delete from outgoing_nodes where items = 0 and next_at <= $1 and leased_until <= $1', [
      before,
    ]);
  }

  /** The node can be reached again: it need not wait any longer. */
  async wake(nodeId: string, now: Date): Promise<void> {
    await this.pool.query('update outgoing_nodes set next_at = $2 where node_id = $1 and next_at > $2', [nodeId, now]);
  }
}

async function insert(
  client: PoolClient,
  nodeId: string,
  from: DeviceReference,
  messages: readonly KeyMessage[],
  now: Date,
): Promise<void> {
  const columns = (['user_id', 'device', 'id', 'body'] as const).map((name) => messages.map((one) => one[name]));
  const values = [nodeId, from.user_id, from.device, now, ...columns];
  const { rows } = await client.query<{ size: number }>(PUT, values);
  await client.query(GROW, [nodeId, rows.length, rows.reduce((sum, { size }) => sum + size, 0)]);
}

/** Of one sender, and at most so many bytes; the first goes whatever its size. */
function lengthOfRun(items: readonly Item[], bytes: number): number {
  let left = bytes;
  const [first] = items;
  const stop = items.findIndex(({ from_user, from_device, body }, at) => {
    left -= body.length;
    return at > 0 && (from_user !== first?.from_user || from_device !== first.from_device || left < 0);
  });
  return stop < 0 ? items.length : stop;
}
