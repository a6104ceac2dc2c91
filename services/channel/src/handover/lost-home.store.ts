import { randomUUID } from 'node:crypto';
import type { Entry } from '@dcp/contracts';
import type { Pool, PoolClient } from '@dcp/node-kit';
import { lockHeads } from '../log/entry.store.js';
import { usersOf } from '../node/node-of.js';
import { orderedEntry } from '../replicas/ordered-entry.js';
import { appendOrdered } from '../replicas/replica.store.js';

/** Nodes of a channel's members that are asked at most. */
const MAX_NODES = 100;

/** The eight characters before the dot are the node. */
const NODES = `
  select distinct left(user_id, 8) as node_id from members where channel_id = $1 order by 1 limit ${MAX_NODES}`;
const HAS_MEMBER = 'select 1 from members where channel_id = $1 and user_id >= $2 and user_id < $3 limit 1';

export async function memberNodes(pool: Pool, channelId: string): Promise<string[]> {
  const { rows } = await pool.query<{ node_id: string }>(NODES, [channelId]);
  return rows.map(({ node_id }) => node_id);
}

export async function hasMemberOf(pool: Pool, channelId: string, nodeId: string): Promise<boolean> {
  return (await pool.query(HAS_MEMBER, [channelId, ...usersOf(nodeId)])).rowCount !== 0;
}

/**
 * Entries of nobody, which say nothing, up to a number: what the lost home may have given to others, and clients may have seen, is never given
 * again. Under the lock of the channel's row.
 */
export async function appendVoid(client: PoolClient, channelId: string, voidTo: number, now: string): Promise<Entry[]> {
  const head = (await lockHeads(client, [channelId])).get(channelId);
  if (head === undefined) return [];
  const entries = Array.from({ length: Math.max(0, voidTo - head.lastSeq) }, (_, i) => {
    const id = `msg_${randomUUID().replaceAll('-', '')}`;
    return { seq: head.lastSeq + 1 + i, id, type: 'text', author: '', received_at: now, body: '' };
  });
  head.lastSeq = voidTo;
  const ordered = entries.map((entry) => orderedEntry(entry, channelId));
  await appendOrdered(client, head, ordered, {});
  return entries;
}
