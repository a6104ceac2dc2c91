import { type Pool, withTransaction } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { Asks } from '../replicas/asks.js';
import { type OrderedEntry, orderedEntry } from '../replicas/ordered-entry.js';
import { findHome, prependOrdered } from '../replicas/replica.store.js';

/** Entries that are fetched and written at once. */
const WINDOW = 200;

export interface BackfillParts {
  pool: Pool;
  asks: Asks;
  nodeId: string;
}

/**
 * Fetches what a replica lacks of the time before its first member, from the end to the beginning, so that what is there never has a gap. Resolves
 * with the first `seq` that is there when all from `first` on is, or when the time is over.
 */
export async function backfill(
  { pool, asks, nodeId }: BackfillParts,
  channelId: string,
  ms: number,
  first = 1,
): Promise<number> {
  const end = performance.now() + ms;
  for (;;) {
    const row = await findHome(pool, channelId);
    if (row === undefined || row.replicaFrom === null) throw new DcpError('CHANNEL_NOT_FOUND');
    if (row.replicaFrom <= first || performance.now() > end) return row.replicaFrom;
    const to = row.replicaFrom;
    const from = Math.max(first, to - WINDOW);
    const entries = await fetchRange(asks, row.homeNode, { channelId, nodeId, from, to });
    await withTransaction(pool, (client) => prependOrdered(client, channelId, entries, { from, to }));
  }
}

/** `from` up to, and without, `to`. */
async function fetchRange(
  asks: Asks,
  home: string,
  { channelId, nodeId, from, to }: { channelId: string; nodeId: string; from: number; to: number },
): Promise<OrderedEntry[]> {
  const entries: OrderedEntry[] = [];
  while (entries.length < to - from) {
    const after = from + entries.length - 1;
    const request = { channel_id: channelId, user_id: nodeId, after, limit: Math.min(100, to - 1 - after) };
    const page = await asks.ask(home, 'channel_history', request);
    const next = page.entries.filter(({ seq }, i) => seq === after + 1 + i && seq < to);
    if (next.length === 0) throw new DcpError('FEDERATION_ERROR', { reason: 'history' });
    for (const entry of next) entries.push(orderedEntry(entry, channelId));
  }
  return entries;
}
