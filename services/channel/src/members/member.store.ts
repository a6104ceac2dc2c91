import type { PoolClient } from '@dcp/node-kit';
import type { MemberChange, MemberRow, Snapshot } from '../log/commit-plan.js';
import { pairKey, type Role } from '../log/operation.js';

/** A user in a channel, whether he is its member or not. */
export interface Pair {
  channelId: string;
  userId: string;
}

const FIND_MEMBERS = `
  select m.channel_id, m.user_id, m.role, m.joined_seq, m.identity_key
  from unnest($1::text[], $2::text[]) as wanted (channel_id, user_id)
  join members m on m.channel_id = wanted.channel_id and m.user_id = wanted.user_id`;

const COUNT_MEMBERSHIPS = `
  select user_id, count(*)::int as memberships from members where user_id = any($1::text[]) group by user_id`;

const REMOVE_MEMBERS = `
  delete from members m using unnest($1::text[], $2::text[]) as gone (channel_id, user_id)
  where m.channel_id = gone.channel_id and m.user_id = gone.user_id`;

const ADD_MEMBERS = `
  insert into members (channel_id, user_id, role, joined_at, joined_seq, identity_key)
  select channel_id, user_id, role, coalesce(joined_at, $5::timestamptz), joined_seq, identity_key
  from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $6::text[], $7::timestamptz[])
    as new (channel_id, user_id, role, joined_seq, identity_key, joined_at)`;

/** Member rows by channel and user; a pair without a row is not in the answer. */
export async function findMembers(client: PoolClient, pairs: Pair[]): Promise<Snapshot['members']> {
  const { rows } = await client.query<StoredMember & { channel_id: string; user_id: string }>({
    name: 'find_members',
    text: FIND_MEMBERS,
    values: columns(pairs),
  });
  return new Map(rows.map((row) => [pairKey(row.channel_id, row.user_id), memberOf(row)]));
}

interface StoredMember {
  role: Role;
  joined_seq: string;
  identity_key: string | null;
}

function memberOf(row: StoredMember): MemberRow {
  return { role: row.role, joinedSeq: Number(row.joined_seq), identityKey: row.identity_key };
}

/** How many channels each user is in; 0 is not in the answer. */
export async function countMemberships(client: PoolClient, userIds: string[]): Promise<Map<string, number>> {
  const { rows } = await client.query<{ user_id: string; memberships: number }>({
    name: 'count_memberships',
    text: COUNT_MEMBERSHIPS,
    values: [userIds],
  });
  return new Map(rows.map((row) => [row.user_id, row.memberships]));
}

export async function removeMembers(client: PoolClient, pairs: Pair[]): Promise<void> {
  await client.query({ name: 'remove_members', text: REMOVE_MEMBERS, values: columns(pairs) });
}

/** `joinedAt` is the node's time, RFC 3339, for those whose row has none. */
export async function addMembers(client: PoolClient, added: MemberChange[], joinedAt: string): Promise<void> {
  const values = [
    ...columns(added),
    added.map((change) => change.row?.role),
    added.map((change) => change.row?.joinedSeq),
    joinedAt,
    added.map((change) => change.row?.identityKey),
    added.map((change) => change.row?.joinedAt),
  ];
  await client.query({ name: 'add_members', text: ADD_MEMBERS, values });
}

function columns(pairs: Pair[]): [string[], string[]] {
  return [pairs.map((pair) => pair.channelId), pairs.map((pair) => pair.userId)];
}
