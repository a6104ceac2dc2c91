import type { Pool } from '@dcp/node-kit';
import { entryColumns } from './entry-columns.js';
import type { OrderedEntry } from './ordered-entry.js';

/**
 * One statement, which is a transaction of its own: the update holds the channel's row, and finds none where the batch is not the next one of
 * the channel's home. The log, its head and what has waited here for the home's answer cannot part.
 */
const APPEND = `
  with head as (
    update channels
    set last_seq = $4, last_activity = greatest(last_activity, $5::timestamptz)
    where channel_id = $1 and home_node = $2 and replica_from is not null and deleted_at is null and last_seq = $3
    returning name, home_epoch
  ), appended as (
    insert into channel_events
      (channel_id, seq, id, digest, type, author, device, "timestamp", received_at, body, home_epoch)
    select $1, seq, id, digest, type, author, device, at, received_at, body, home_epoch
    from head, unnest($7::bigint[], $8::text[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],
      $14::timestamptz[], $15::text[])
      as entry (seq, id, digest, type, author, device, at, received_at, body)
  ), settled as (
    delete from outgoing_posts where channel_id = $1 and id = any($6::text[]) and exists (select 1 from head)
  )
  select name from head`;

export interface PlainBatch {
  channelId: string;
  /** Whose node says it. */
  from: string;
  /** Consecutive, and none that changes the channel's state. */
  entries: OrderedEntry[];
  /** Ids of those that users of this node have written. */
  own: string[];
}

/** Appends what a channel's home has ordered next; the channel's name, or undefined where nothing was done: it is not the next, or not so plain. */
export async function appendPlain(
  pool: Pool,
  { channelId, from, entries, own }: PlainBatch,
): Promise<string | undefined> {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const { rows } = await pool.query<{ name: string }>({
    name: 'append_plain',
    text: APPEND,
    values: [channelId, from, first.seq - 1, last.seq, last.received_at, own, ...entryColumns(entries)],
  });
  return rows[0]?.name;
}
