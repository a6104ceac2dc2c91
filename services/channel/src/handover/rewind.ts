import { NO_MANDATES } from '../replicas/true-mandates.js';
import type { PoolClient } from '@dcp/node-kit';
import type { MemberLimits } from '../limits.js';
import { lockHeads } from '../log/entry.store.js';
import { usersOf } from '../node/node-of.js';
import { follow, foundersOf } from '../replicas/apply.js';
import { type OrderedEntry, orderedEntry } from '../replicas/ordered-entry.js';
import type { HomeRow } from '../replicas/replica.store.js';

/** What users of this node wrote shall be ordered again: it was read here, and by nobody else. Aimed by who follows the new home. */
const KEEP_OWN = `
  insert into outgoing_posts (channel_id, id, node_id, user_id, digest, body, queued_at)
  select channel_id, id, $3, author, digest, body, $6::timestamptz from channel_events
  where channel_id = $1 and seq > $2 and author >= $4 and author < $5 and type <> 'system' and body <> ''
  order by seq on conflict do nothing`;

const CUT = `
  with gone as (delete from channel_events where channel_id = $1 and seq > $2 returning type)
  select count(*)::int as entries, coalesce(bool_or(type = 'system'), false) as states from gone`;

const HEAD = `
  update channels set last_seq = $2, published_seq = least(published_seq, $2),
    chain_before = case when chain_before > $2 then $2 + 1 else chain_before end, acl_version = acl_version + 1
  where channel_id = $1`;

const STANDINGS = ['members', 'invitations', 'bans', 'invite_links'].map(
  (table) => `delete from ${table} where channel_id = $1`,
);
const NO_STATE = 'update channels set member_count = 0, epoch = 0, state_head = null where channel_id = $1';
const OWN_MEMBERS = 'select user_id from members where channel_id = $1 and user_id >= $2 and user_id < $3';
const CHAIN = `
  select seq::float8 as seq, id, type, author, received_at, body from channel_events
  where channel_id = $1 and type = 'system' order by seq`;

/** What a rewound replica lost. */
export interface Rewound {
  entries: number;
  /** Users of this node who are in the channel no more, and who are in it again. */
  left: string[];
  joined: string[];
}

export interface RewindRules {
  /** Of this node. */
  nodeId: string;
  limits: MemberLimits;
}

/**
 * Takes back what a lost home had ordered behind `to`: it was not seen by those who go on. Posts of users of this node wait for the new home;
 * who is in the channel is read from the entries that stay. Under the lock of the channel's row.
 */
export async function rewind(
  client: PoolClient,
  { nodeId, limits }: RewindRules,
  channelId: string,
  { genesis }: Pick<HomeRow, 'genesis'>,
  { to, now }: { to: number; now: string },
): Promise<Rewound> {
  const own = usersOf(nodeId);
  const before = await ownMembers(client, channelId, own);
  await client.query(KEEP_OWN, [channelId, to, nodeId, ...own, now]);
  const { rows } = await client.query<{ entries: number; states: boolean }>(CUT, [channelId, to]);
  const { entries = 0, states = false } = rows[0] ?? {};
  await client.query(HEAD, [channelId, to]);
  if (!states) return { entries, left: [], joined: [] };
  for (const statement of [...STANDINGS, NO_STATE]) await client.query(statement, [channelId]);
  const head = (await lockHeads(client, [channelId])).get(channelId);
  // Founders of a group DM who took none have no entry that says so.
  const declined = foundersOf(genesis).flatMap(({ userId }) => (isOut(userId, before, own) ? [userId] : []));
  const chain = await readChain(client, channelId);
  const facts = { genesis, lastSeq: to, declined, mandates: NO_MANDATES };
  if (head !== undefined) await follow(client, head, chain, facts, limits, now, true);
  const after = await ownMembers(client, channelId, own);
  return { entries, left: without(before, after), joined: without(after, before) };
}

function isOut(userId: string, members: string[], [from, until]: [string, string]): boolean {
  return userId >= from && userId < until && !members.includes(userId);
}

function without(some: string[], others: string[]): string[] {
  const there = new Set(others);
  return some.filter((userId) => !there.has(userId));
}

async function ownMembers(client: PoolClient, channelId: string, own: [string, string]): Promise<string[]> {
  const { rows } = await client.query<{ user_id: string }>(OWN_MEMBERS, [channelId, ...own]);
  return rows.map(({ user_id }) => user_id);
}

async function readChain(client: PoolClient, channelId: string): Promise<OrderedEntry[]> {
  type Row = { seq: number; id: string; type: string; author: string; received_at: Date; body: string };
  const { rows } = await client.query<Row>(CHAIN, [channelId]);
  return rows.map((row) => orderedEntry({ ...row, received_at: row.received_at.toISOString() }, channelId));
}
