import type { Pool, PoolClient } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { usersOf } from '../node/node-of.js';
import type { Head } from '../log/commit-plan.js';
import type { NewChannel, Settings } from '../log/operation.js';
import { insertChannels, updateSettings } from '../channels/channel-rows.store.js';
import { entryColumns } from './entry-columns.js';
import type { OrderedEntry } from './ordered-entry.js';

/** A channel's row as far as it says whose the channel is. */
export interface HomeRow {
  homeNode: string;
  homeEpoch: number;
  /** Null: it is homed here. */
  replicaFrom: number | null;
  /** Of a channel that is homed here: the first entry that there is, where it is not the first of all. */
  firstSeq: number | null;
  lastSeq: number;
  name: string;
  genesis: string;
  /** Nobody of this node is in it any more. */
  retired: boolean;
}

const HOME = `
  select home_node, home_epoch, replica_from, first_seq, last_seq, name, genesis, deleted_at is not null as retired
  from channels where channel_id = $1`;

const INSERT_ENTRIES = `
  insert into channel_events
    (channel_id, seq, id, digest, type, author, device, "timestamp", received_at, body, home_epoch)
  select $1, seq, id, digest, type, author, device, at, received_at, body, $2
  from unnest($3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
    $10::timestamptz[], $11::text[])
    as entry (seq, id, digest, type, author, device, at, received_at, body)`;

const MOVE_HEAD = `
  update channels set last_seq = $2, acl_version = $3, state_head = $4, member_count = $5, epoch = $6,
    last_activity = greatest(last_activity, $7::timestamptz)
  where channel_id = $1`;

const PREPEND = `${INSERT_ENTRIES} on conflict (channel_id, seq) do nothing`;
const LOWER = 'update channels set replica_from = $2 where channel_id = $1 and replica_from = $3';
const COUNT = 'select count(*)::int as entries from channel_events where channel_id = $1 and seq >= $2 and seq < $3';

const BEGIN = 'update channels set replica_from = $2, published_seq = $3 where channel_id = $1';

/** A user of this node comes back to a channel: it begins anew, as if it had never been here. */
const CLEAR = ['channel_events', 'members', 'invitations', 'bans', 'invite_links', 'audience', 'handovers'].map(
  (table) => `delete from ${table} where channel_id = $1`,
);

const CHUNK = 1_000;
const CLEAR_EVENTS = `
  delete from channel_events where (channel_id, seq) in (
    select e.channel_id, e.seq from channels c join channel_events e on e.channel_id = c.channel_id
    where c.deleted_at < $1 and c.replica_from is not null limit ${CHUNK})`;
const CLEAR_RETIRED = ['members', 'invitations', 'bans', 'invite_links', 'mandates'].map(
  (table) => `delete from ${table} t using channels c
    where c.channel_id = t.channel_id and c.deleted_at < $1 and c.replica_from is not null`,
);
const CLEAR_ROWS = 'delete from channels where deleted_at < $1 and replica_from is not null';

interface StoredHome {
  home_node: string;
  home_epoch: number;
  replica_from: string | null;
  first_seq: string | null;
  last_seq: string;
  name: string;
  genesis: string;
  retired: boolean;
}

export async function findHome(client: Pool | PoolClient, channelId: string): Promise<HomeRow | undefined> {
  return homeOf((await client.query<StoredHome>(HOME, [channelId])).rows[0]);
}

/** As `findHome`, and locks the row for the rest of the transaction. */
export async function lockHome(client: PoolClient, channelId: string): Promise<HomeRow | undefined> {
  return homeOf((await client.query<StoredHome>(`${HOME} for update`, [channelId])).rows[0]);
}

function homeOf(row: StoredHome | undefined): HomeRow | undefined {
  if (row === undefined) return undefined;
  const { home_node, home_epoch, replica_from, first_seq, last_seq, ...rest } = row;
  const [replicaFrom, firstSeq] = [numberOf(replica_from), numberOf(first_seq)];
  return { ...rest, homeNode: home_node, homeEpoch: home_epoch, replicaFrom, firstSeq, lastSeq: Number(last_seq) };
}

function numberOf(value: string | null): number | null {
  return value === null ? null : Number(value);
}

/** Adds entries of a replica's past; those that are there stay as they are. Under the lock of the channel's row. */
export async function insertMissing(
  client: PoolClient,
  channelId: string,
  homeEpoch: number,
  entries: OrderedEntry[],
): Promise<void> {
  if (entries.length > 0) await client.query(PREPEND, [channelId, homeEpoch, ...entryColumns(entries)]);
}

/** Inserts what the home has numbered and moves the head. */
export async function appendOrdered(
  client: PoolClient,
  head: Head,
  entries: OrderedEntry[],
  settings: Settings,
): Promise<void> {
  const values = [head.channelId, head.homeEpoch, ...entryColumns(entries)];
  if (entries.length > 0) await client.query({ name: 'insert_ordered', text: INSERT_ENTRIES, values });
  const { channelId, lastSeq, aclVersion, stateHead, memberCount, epoch } = head;
  const heard = entries.at(-1)?.received_at ?? null;
  await client.query(MOVE_HEAD, [channelId, lastSeq, aclVersion, stateHead, memberCount, epoch, heard]);
  await updateSettings(client, { ...settings, channelId });
}

/**
 * Adds what was before the replica, from `from` up to where it began; its state entries are there already. Nothing happens where somebody else
 * was faster.
 */
export async function prependOrdered(
  client: PoolClient,
  channelId: string,
  entries: OrderedEntry[],
  { from, to }: { from: number; to: number },
): Promise<void> {
  const row = await lockHome(client, channelId);
  if (row?.replicaFrom !== to) return;
  await insertMissing(client, channelId, row.homeEpoch, entries);
  const { rows } = await client.query<{ entries: number }>(COUNT, [channelId, from, to]);
  if (rows[0]?.entries !== to - from) throw new DcpError('FEDERATION_ERROR', { reason: 'history' });
  await client.query(LOWER, [channelId, from, to]);
}

/**
 * Makes the row of a replica, locked and empty, and says whether there was none: false means that somebody else has made it meanwhile.
 * Throws where the id or the name is somebody else's.
 */
export async function beginReplica(client: PoolClient, channel: NewChannel, from: number): Promise<boolean> {
  const isNew = (await insertChannels(client, [channel])).length > 0;
  const row = await lockHome(client, channel.channelId);
  const isOther = row?.homeNode !== channel.homeNode && row?.retired !== true;
  if (row === undefined || isOther || (!isNew && row.replicaFrom === null)) {
    throw new DcpError('CHANNEL_EXISTS', { channel: channel.name });
  }
  if (!isNew && !row.retired) return false;
  if (!isNew) {
    for (const statement of CLEAR) await client.query(statement, [channel.channelId]);
    await client.query(
      `update channels set deleted_at = null, title = $2, description = $3, member_count = $4, epoch = 0, state_head = null,
         chain_after = null, chain_before = null, last_seq = 0, acl_version = acl_version + 1, name = $5, home_node = $6, home_epoch = $7 where channel_id = $1`,
      [
        channel.channelId,
        channel.title,
        channel.description,
        channel.memberCount,
        channel.name,
        channel.homeNode,
        channel.homeEpoch,
      ],
    );
  }
  await client.query(BEGIN, [channel.channelId, from, from - 1]);
  return true;
}

/** Nobody of this node is in the channel any more: nobody may read the replica, and its home sends nothing more for it. */
export async function retireIfEmpty(
  client: PoolClient,
  channelId: string,
  nodeId: string,
  now: string,
): Promise<boolean> {
  const [from, to] = usersOf(nodeId);
  const { rowCount } = await client.query(
    `update channels c set deleted_at = $4 where channel_id = $1 and replica_from is not null and deleted_at is null
       and not exists (select 1 from members m where m.channel_id = c.channel_id and m.user_id >= $2 and m.user_id < $3)`,
    [channelId, from, to, now],
  );
  return rowCount !== 0;
}

/** Empties replicas that were given up before a time, a thousand entries at once; true: there is more. */
export async function clearRetired(pool: Pool, before: Date): Promise<boolean> {
  const { rowCount } = await pool.query(CLEAR_EVENTS, [before]);
  if (rowCount === CHUNK) return true;
  for (const statement of CLEAR_RETIRED) await pool.query(statement, [before]);
  await pool.query(CLEAR_ROWS, [before]);
  return false;
}
