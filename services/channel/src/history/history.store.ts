import type { Entry } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import { ENTRY_COLUMNS, type EntryRow, entryOf } from '../log/entry-row.js';

/** Bytes of bodies that one query brings at most: pages are cut to fit the bus, so more would be read for nothing. */
const MAX_READ_BYTES = 900 * 1024;

/**
 * A page by primary key, cut where the bodies before a row fill the limit: the first row always comes. `sum` over the inner limit reads
 * lengths only.
 */
const page = (condition: string, order: 'asc' | 'desc') => `
  select ${ENTRY_COLUMNS} from (
    select ${ENTRY_COLUMNS}, sum(octet_length(body)) over (order by seq ${order}) - octet_length(body) as before
    from (
      select ${ENTRY_COLUMNS} from channel_events where channel_id = $1 and ${condition} order by seq ${order} limit $3
    ) as wanted
  ) as measured
  where before < ${MAX_READ_BYTES} order by seq ${order}`;

/** The statements of the two directions; exported so that their plans can be looked at. */
export const PAGE_AFTER = page('seq > $2', 'asc');
/** What was wiped, or never was, fills no page of somebody who reads back; the entry before the named one is told all the same. */
export const PAGE_BEFORE = page('seq < $2 and (octet_length(body) > 0 or seq = $2 - 1)', 'desc');
/** State entries only, by their own index. */
export const PAGE_STATE = page("type = 'system' and seq > $2", 'asc');

const FIND_SEQ = 'select seq from channel_events where channel_id = $1 and id = $2';
const HEADS = 'select channel_id, last_seq from channels where channel_id = any($1::text[]) and deleted_at is null';

/** The log as it is read. */
export class HistoryStore {
  constructor(private readonly pool: Pool) {}

  /** At most `limit` entries with `seq` above `after`, ascending. Fewer may come although there are more: see MAX_READ_BYTES. */
  async entriesAfter(channelId: string, after: number, limit: number): Promise<Entry[]> {
    return this.#page('entries_after', PAGE_AFTER, [channelId, after, limit]);
  }

  /** At most `limit` entries with `seq` below `before`, descending. */
  async entriesBefore(channelId: string, before: number, limit: number): Promise<Entry[]> {
    return this.#page('entries_before', PAGE_BEFORE, [channelId, before, limit]);
  }

  async #page(name: string, text: string, values: unknown[]): Promise<Entry[]> {
    const { rows } = await this.pool.query<EntryRow>({ name, text, values });
    return rows.map(entryOf);
  }

  async findSeq(channelId: string, messageId: string): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ seq: string }>({
      name: 'find_seq',
      text: FIND_SEQ,
      values: [channelId, messageId],
    });
    return rows[0] === undefined ? undefined : Number(rows[0].seq);
  }

  /** The last `seq` of each channel that exists. */
  async heads(channelIds: string[]): Promise<Record<string, number>> {
    const { rows } = await this.pool.query<{ channel_id: string; last_seq: string }>({
      name: 'heads',
      text: HEADS,
      values: [channelIds],
    });
    return Object.fromEntries(rows.map((row) => [row.channel_id, Number(row.last_seq)]));
  }
}
