import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import type { DeviceReference, KeyMessage, QueuedKeys, QueuePage } from '@dcp/protocol';
import { deviceColumns, deviceKey, distinctDevices } from '../device-list.js';
import { placeMessages, type Placement, type QueueHead, type QueueLimits } from './placement.js';

/** Bodies of one page and of one `send_keys`; with what surrounds them they fit into one bus message. */
export const PAGE_BYTES = 512 * 1024;

/** In one order, so that two senders to the same devices wait for each other instead of for ever. */
const LOCK_QUEUES = `
  select q.user_id, q.device, q.head::float8 as head, q.items, q.bytes::float8 as bytes
  from queues q join unnest($1::text[], $2::text[]) as t (user_id, device) using (user_id, device)
  order by q.user_id, q.device for update of q`;

const KNOWN = `
  with asked as (select * from unnest($1::text[], $2::text[], $3::text[]) as t (user_id, device, id))
  select user_id, device, id from queue_items join asked using (user_id, device, id) where from_user = $4 and from_device = $5
  union select user_id, device, id from taken_items join asked using (user_id, device, id) where from_user = $4 and from_device = $5`;

const INSERT = `
  insert into queue_items (user_id, device, seq, id, body, from_user, from_device, received_at)
  select t.*, $6, $7, $8 from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) as t`;

const MOVE_HEADS = `
  update queues q set head = t.head, items = t.items, bytes = t.bytes
  from unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::bigint[]) as t (user_id, device, head, items, bytes)
  where q.user_id = t.user_id and q.device = t.device`;

/** The first item goes whatever its size. `found` tells whether there was one more than asked for. */
const PAGE = `
  with candidates as (
    select seq, id, from_user, from_device, received_at, octet_length(body) as size from queue_items
    where user_id = $1 and device = $2 and seq > $3 order by seq limit $4 + 1),
  measured as (
    select *, row_number() over (order by seq) as place, sum(size) over (order by seq) as total, count(*) over () as found
    from candidates)
  select m.seq::float8 as seq, m.id, m.from_user, m.from_device, m.received_at, m.found::int as found, i.body
  from measured m join queue_items i on i.user_id = $1 and i.device = $2 and i.seq = m.seq
  where m.place <= $4 and (m.total <= $5 or m.place = 1) order by m.seq`;

const TAKE = `
  with gone as (
    delete from queue_items where user_id = $1 and device = $2 and seq <= $3
    returning from_user, from_device, id, octet_length(body) as size),
  kept as (
    insert into taken_items (user_id, device, from_user, from_device, id, taken_at)
    select $1, $2, from_user, from_device, id, $4 from gone on conflict do nothing)
  update queues set items = items - (select count(*) from gone), bytes = bytes - (select coalesce(sum(size), 0) from gone)
  where user_id = $1 and device = $2 returning items`;

const LOCK_QUEUE = 'select 1 from queues where user_id = $1 and device = $2 for update';

export interface QueueSender {
  from: DeviceReference;
  now: Date;
  limits: QueueLimits;
}

export type Sent = Pick<Placement, 'unknown' | 'full'> & {
  /** Queues that hold a message of the call, whether it came now or before; with their heads. */
  heads: (DeviceReference & { head: number })[];
};

/** Rows of the queues: one a device, numbered without gaps. */
export class QueueStore {
  constructor(private readonly pool: Pool) {}

  /** All that can be queued, in one transaction, each message once. */
  append(messages: KeyMessage[], { from, now, limits }: QueueSender): Promise<Sent> {
    return withTransaction(this.pool, async (client) => {
      const heads = await lockQueues(client, distinctDevices(messages));
      // A second statement, so that it sees what was committed while the first waited for the locks.
      const known = await findKnown(client, messages, from);
      const { placed, unknown, full, touched } = placeMessages(messages, heads, known, limits);
      if (placed.length > 0) await insert(client, placed, [from.user_id, from.device, now]);
      const moved = touched.filter((head) => head.moved);
      if (moved.length > 0) await moveHeads(client, moved);
      return { unknown, full, heads: touched.map(({ user_id, device, head }) => ({ user_id, device, head })) };
    });
  }

  async page({ user_id, device }: DeviceReference, after: number, limit: number): Promise<QueuePage> {
    type Row = Omit<QueuedKeys, 'received_at'> & { received_at: Date; found: number };
    const values = [user_id, device, after, limit, PAGE_BYTES];
    const { rows } = await this.pool.query<Row>({ name: 'queue_page', text: PAGE, values });
    const items = rows.map(({ seq, id, from_user, from_device, received_at, body }) => {
      return { seq, id, from_user, from_device, received_at: received_at.toISOString(), body };
    });
    return { items, has_more: (rows[0]?.found ?? 0) > rows.length };
  }

  /** How many are left. */
  take({ user_id, device }: DeviceReference, upTo: number, now: Date): Promise<number> {
    return withTransaction(this.pool, async (client) => {
      await client.query(LOCK_QUEUE, [user_id, device]);
      const { rows } = await client.query<{ items: number }>(TAKE, [user_id, device, upTo, now]);
      return rows[0]?.items ?? 0;
    });
  }
}

async function lockQueues(client: PoolClient, devices: DeviceReference[]): Promise<QueueHead[]> {
  const query = { name: 'lock_queues', text: LOCK_QUEUES, values: deviceColumns(devices) };
  const { rows } = await client.query<Omit<QueueHead, 'moved'>>(query);
  return rows.map((row) => ({ ...row, moved: false }));
}

/** `user/device/id` of the messages that the sender has sent there before. */
async function findKnown(client: PoolClient, messages: KeyMessage[], from: DeviceReference): Promise<Set<string>> {
  const values = [...deviceColumns(messages), messages.map(({ id }) => id), from.user_id, from.device];
  const { rows } = await client.query<DeviceReference & { id: string }>({ name: 'known_items', text: KNOWN, values });
  return new Set(rows.map((row) => `${deviceKey(row)}/${row.id}`));
}

async function insert(client: PoolClient, placed: Placement['placed'], sender: unknown[]): Promise<void> {
  const values = [
    ...deviceColumns(placed.map(({ message }) => message)),
    placed.map(({ seq }) => seq),
    placed.map(({ message }) => message.id),
    placed.map(({ message }) => message.body),
    ...sender,
  ];
  await client.query({ name: 'insert_items', text: INSERT, values });
}

async function moveHeads(client: PoolClient, heads: QueueHead[]): Promise<void> {
  const values = [
    ...deviceColumns(heads),
    heads.map(({ head }) => head),
    heads.map(({ items }) => items),
    heads.map(({ bytes }) => bytes),
  ];
  await client.query({ name: 'move_heads', text: MOVE_HEADS, values });
}
