import type { Pool, PoolClient } from '@dcp/node-kit';
import type { EncryptionMode, Visibility } from '@dcp/protocol';
import type { Head, NumberedEntry, Snapshot } from './commit-plan.js';
import { pairKey, type PostOperation } from './operation.js';

interface HeadRow {
  channel_id: string;
  name: string;
  encryption: EncryptionMode;
  visibility: Visibility;
  creator: string;
  epoch: number;
  last_seq: string;
  acl_version: string;
  state_head: string | null;
  member_count: number;
  home_epoch: number;
  is_replica: boolean;
}

interface KnownRow {
  channel_id: string;
  id: string;
  seq: string;
  digest: Buffer;
}

/** In the order of ids, so that two transactions never wait for each other in a circle. */
const READ_HEADS = `
  select channel_id, name, encryption, visibility, creator, last_seq, acl_version, state_head, epoch, member_count, home_epoch,
    replica_from is not null as is_replica
  from channels where channel_id = any($1::text[]) and deleted_at is null
  order by channel_id`;

const LOCK_HEADS = `${READ_HEADS} for update`;

const FIND_KNOWN = `
  select e.channel_id, e.id, e.seq, e.digest
  from unnest($1::text[], $2::text[]) as wanted (channel_id, id)
  join channel_events e on e.channel_id = wanted.channel_id and e.id = wanted.id`;

/** One statement for both, so that the log and its heads cannot part. */
const APPEND = `
  with appended as (
    insert into channel_events
      (channel_id, seq, id, digest, type, author, device, "timestamp", received_at, body, home_epoch)
    select channel_id, seq, id, digest, type, author, device, at, $10::timestamptz, body, home_epoch
    from unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[],
      $8::timestamptz[], $9::text[], $11::int[])
      as entry (channel_id, seq, id, digest, type, author, device, at, body, home_epoch)
  )
  update channels c
  set last_seq = head.last_seq, acl_version = head.acl_version, state_head = head.state_head,
      member_count = head.member_count, epoch = head.epoch, last_activity = $10::timestamptz
  from unnest($12::text[], $13::bigint[], $14::bigint[], $15::text[], $16::int[], $17::int[])
    as head (channel_id, last_seq, acl_version, state_head, member_count, epoch)
  where c.channel_id = head.channel_id`;

/** Locks the rows of the given channels for the rest of the transaction. A channel that does not exist is not in the answer. */
export async function lockHeads(client: PoolClient, channelIds: string[]): Promise<Map<string, Head>> {
  const { rows } = await client.query<HeadRow>({ name: 'lock_heads', text: LOCK_HEADS, values: [channelIds] });
  return new Map(rows.map((row) => [row.channel_id, headOf(row)]));
}

/** As `lockHeads`, without the lock: for an answer, never for a change. */
export async function readHeads(client: PoolClient, channelIds: string[]): Promise<Map<string, Head>> {
  const { rows } = await client.query<HeadRow>(READ_HEADS, [channelIds]);
  return new Map(rows.map((row) => [row.channel_id, headOf(row)]));
}

function headOf(row: HeadRow): Head {
  const aclVersion = Number(row.acl_version);
  return {
    channelId: row.channel_id,
    name: row.name,
    encryption: row.encryption,
    visibility: row.visibility,
    creator: row.creator,
    lastSeq: Number(row.last_seq),
    aclVersion,
    lockedAclVersion: aclVersion,
    stateHead: row.state_head,
    epoch: row.epoch,
    memberCount: row.member_count,
    homeEpoch: row.home_epoch,
    isReplica: row.is_replica,
  };
}

/**
 * Which of the entries are in the log already, by channel and id. A statement of its own after the locks: only its fresh snapshot sees
 * what another replica committed while this one waited for them.
 */
export async function findKnown(
  client: Pool | PoolClient,
  wanted: Pick<PostOperation, 'channelId' | 'entry'>[],
): Promise<Snapshot['known']> {
  const values = [wanted.map(({ channelId }) => channelId), wanted.map(({ entry }) => entry.id)];
  const { rows } = await client.query<KnownRow>({ name: 'find_known', text: FIND_KNOWN, values });
  return new Map(rows.map((row) => [pairKey(row.channel_id, row.id), { seq: Number(row.seq), digest: row.digest }]));
}

/** Inserts numbered entries and moves the heads of their channels. `receivedAt` is the node's time, RFC 3339. */
export async function appendEntries(
  client: PoolClient,
  entries: NumberedEntry[],
  heads: Head[],
  receivedAt: string,
): Promise<void> {
  const values = [
    entries.map((entry) => entry.channelId),
    entries.map((entry) => entry.seq),
    entries.map((entry) => entry.id),
    entries.map((entry) => entry.digest),
    entries.map((entry) => entry.type),
    entries.map((entry) => entry.author),
    entries.map((entry) => entry.device),
    entries.map((entry) => entry.timestamp),
    entries.map((entry) => entry.body),
    receivedAt,
    entries.map((entry) => entry.homeEpoch),
    heads.map((head) => head.channelId),
    heads.map((head) => head.lastSeq),
    heads.map((head) => head.aclVersion),
    heads.map((head) => head.stateHead),
    heads.map((head) => head.memberCount),
    heads.map((head) => head.epoch),
  ];
  await client.query({ name: 'append_entries', text: APPEND, values });
}
