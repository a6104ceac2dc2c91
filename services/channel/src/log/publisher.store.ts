import type { Entry } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import { ENTRY_COLUMNS, type EntryRow, entryOf } from './entry-row.js';

/** Channels looked at in one scan; the rest waits for the next. */
const SCAN_CHANNELS = 1_000;

export interface UnpublishedChannel {
  channelId: string;
  name: string;
  publishedSeq: number;
  lastSeq: number;
}

/** Locks in the order of ids, as commits do, so that neither waits for the other in a circle. */
const MARK_PUBLISHED = `
  with locked as (
    select channel_id from channels where channel_id = any($1::text[]) order by channel_id for update
  )
  update channels c set published_seq = mark.seq
  from unnest($1::text[], $2::bigint[]) as mark (channel_id, seq), locked
  where locked.channel_id = mark.channel_id and c.channel_id = mark.channel_id and c.published_seq < mark.seq`;

const FIND_UNPUBLISHED = `
  select channel_id, name, published_seq, last_seq from channels
  where published_seq < last_seq and last_activity <= $1
  order by channel_id limit $2`;

const READ_AFTER = `
  select ${ENTRY_COLUMNS} from channel_events
  where channel_id = $1 and seq > $2 order by seq limit $3`;

/** Moves `published_seq` forward, never back. */
export async function markPublished(pool: Pool, marks: ReadonlyMap<string, number>): Promise<void> {
  await pool.query(MARK_PUBLISHED, [[...marks.keys()], [...marks.values()]]);
}

/** Channels whose log is longer than what was published, unless something was added to it after `before`. */
export async function findUnpublished(pool: Pool, before: Date): Promise<UnpublishedChannel[]> {
  const { rows } = await pool.query<{ channel_id: string; name: string; published_seq: string; last_seq: string }>(
    FIND_UNPUBLISHED,
    [before, SCAN_CHANNELS],
  );
  return rows.map((row) => ({
    channelId: row.channel_id,
    name: row.name,
    publishedSeq: Number(row.published_seq),
    lastSeq: Number(row.last_seq),
  }));
}

/** At most `limit` entries after `seq`, ascending. */
export async function readEntriesAfter(pool: Pool, channelId: string, seq: number, limit: number): Promise<Entry[]> {
  const { rows } = await pool.query<EntryRow>(READ_AFTER, [channelId, seq, limit]);
  return rows.map(entryOf);
}
