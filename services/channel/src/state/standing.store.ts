import type { PoolClient } from '@dcp/node-kit';
import { type JoinOperation, pairKey, type StateOperation } from '../log/operation.js';
import { type Standings, type StandingRows, noStandings } from './standings.js';

const FIND_INVITATIONS = `
  select i.channel_id, i.user_id, i.identity_key
  from unnest($1::text[], $2::text[]) as wanted (channel_id, user_id)
  join invitations i on i.channel_id = wanted.channel_id and i.user_id = wanted.user_id`;

const FIND_BANS = `
  select b.channel_id, b.user_id
  from unnest($1::text[], $2::text[]) as wanted (channel_id, user_id)
  join bans b on b.channel_id = wanted.channel_id and b.user_id = wanted.user_id`;

const FIND_LINKS = `
  select l.channel_id, l.key, l.expires_at
  from unnest($1::text[], $2::text[]) as wanted (channel_id, key)
  join invite_links l on l.channel_id = wanted.channel_id and l.key = wanted.key`;

const COUNT = `
  select wanted.channel_id,
    (select count(*)::int from invitations i where i.channel_id = wanted.channel_id) as invitations,
    (select count(*)::int from invite_links l where l.channel_id = wanted.channel_id and l.expires_at > $2) as links
  from unnest($1::text[]) as wanted (channel_id)`;

const DELETE_INVITATIONS = `
  delete from invitations i using unnest($1::text[], $2::text[]) as gone (channel_id, user_id)
  where i.channel_id = gone.channel_id and i.user_id = gone.user_id`;

const PUT_INVITATIONS = `
  insert into invitations (channel_id, user_id, identity_key, invited_by, created_at)
  select channel_id, user_id, identity_key, invited_by, $5::timestamptz
  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as new (channel_id, user_id, identity_key, invited_by)
  on conflict (channel_id, user_id) do update
  set identity_key = excluded.identity_key, invited_by = excluded.invited_by, created_at = excluded.created_at`;

const DELETE_BANS = `
  delete from bans b using unnest($1::text[], $2::text[]) as gone (channel_id, user_id)
  where b.channel_id = gone.channel_id and b.user_id = gone.user_id`;

const PUT_BANS = `
  insert into bans (channel_id, user_id, banned_by, created_at)
  select channel_id, user_id, banned_by, $4::timestamptz
  from unnest($1::text[], $2::text[], $3::text[]) as new (channel_id, user_id, banned_by)
  on conflict (channel_id, user_id) do nothing`;

/** Links that are over go with the next change of links: their number stays bounded. */
const DELETE_LINKS = `
  delete from invite_links l using unnest($1::text[], $2::text[]) as gone (channel_id, key)
  where l.channel_id = gone.channel_id and (l.key = gone.key or l.expires_at <= $3::timestamptz)`;

const PUT_LINKS = `
  insert into invite_links (channel_id, key, expires_at)
  select channel_id, key, expires_at from unnest($1::text[], $2::text[], $3::timestamptz[]) as new (channel_id, key, expires_at)
  on conflict (channel_id, key) do update set expires_at = excluded.expires_at`;

type Row<K extends string> = Record<'channel_id' | K, string>;

/** What the state entries and joins of a batch must know beside the members. Call it under the locks. */
export async function findStandings(
  client: PoolClient,
  states: StateOperation[],
  joins: JoinOperation[],
  now: string,
): Promise<StandingRows> {
  if (states.length === 0 && joins.length === 0) return noStandings();
  const bans = await findBans(client, [...states.flatMap(concernedPairs), ...joins]);
  if (states.length === 0) return { ...noStandings(), bans };
  return {
    bans,
    invitations: await findInvitations(client, states.flatMap(concernedPairs)),
    links: await findLinks(client, states),
    counts: await countStandings(client, states, now),
  };
}

/** The author of a state entry, and whom it is about. */
export function concernedPairs({ channelId, userId, state }: StateOperation): { channelId: string; userId: string }[] {
  return [...new Set([userId, state.content.target])].map((id) => ({ channelId, userId: id }));
}

export async function findBans(
  client: PoolClient,
  pairs: { channelId: string; userId: string }[],
): Promise<Set<string>> {
  const { rows } = await client.query<Row<'user_id'>>(FIND_BANS, [
    pairs.map((pair) => pair.channelId),
    pairs.map((pair) => pair.userId),
  ]);
  return new Set(rows.map((row) => pairKey(row.channel_id, row.user_id)));
}

export async function findInvitations(
  client: PoolClient,
  pairs: { channelId: string; userId: string }[],
): Promise<Map<string, string>> {
  const { rows } = await client.query<Row<'user_id' | 'identity_key'>>(FIND_INVITATIONS, [
    pairs.map((pair) => pair.channelId),
    pairs.map((pair) => pair.userId),
  ]);
  return new Map(rows.map((row) => [pairKey(row.channel_id, row.user_id), row.identity_key]));
}

async function findLinks(client: PoolClient, states: StateOperation[]): Promise<Map<string, number>> {
  const naming = states.filter(({ linkKey }) => linkKey !== undefined);
  if (naming.length === 0) return new Map();
  const { rows } = await client.query<Row<'key'> & { expires_at: Date }>(FIND_LINKS, [
    naming.map(({ channelId }) => channelId),
    naming.map(({ linkKey }) => linkKey),
  ]);
  return new Map(rows.map((row) => [pairKey(row.channel_id, row.key), row.expires_at.getTime()]));
}

async function countStandings(
  client: PoolClient,
  states: StateOperation[],
  now: string,
): Promise<StandingRows['counts']> {
  const { rows } = await client.query<{ channel_id: string; invitations: number; links: number }>(COUNT, [
    [...new Set(states.map(({ channelId }) => channelId))],
    now,
  ]);
  return new Map(rows.map(({ channel_id, invitations, links }) => [channel_id, { invitations, links }]));
}

/** Writes what a batch changed. `now` is the node's time, RFC 3339. */
export async function writeStandings(client: PoolClient, standings: Standings, now: string): Promise<void> {
  await writeInvitations(client, standings, now);
  await writeBans(client, standings, now);
  await writeLinks(client, standings, now);
}

async function writeInvitations(client: PoolClient, { invitationChanges }: Standings, now: string): Promise<void> {
  const changes = [...invitationChanges.values()];
  const gone = changes.filter(({ row }) => row === null);
  const put = changes.filter(({ row }) => row !== null);
  if (gone.length > 0) await client.query(DELETE_INVITATIONS, columns(gone));
  if (put.length === 0) return;
  const keys = put.map(({ row }) => row?.identityKey);
  await client.query(PUT_INVITATIONS, [...columns(put), keys, put.map(({ row }) => row?.invitedBy), now]);
}

async function writeBans(client: PoolClient, { banChanges }: Standings, now: string): Promise<void> {
  const changes = [...banChanges.values()];
  const gone = changes.filter(({ bannedBy }) => bannedBy === null);
  const put = changes.filter(({ bannedBy }) => bannedBy !== null);
  if (gone.length > 0) await client.query(DELETE_BANS, columns(gone));
  if (put.length > 0) await client.query(PUT_BANS, [...columns(put), put.map(({ bannedBy }) => bannedBy), now]);
}

async function writeLinks(client: PoolClient, { linkChanges }: Standings, now: string): Promise<void> {
  const changes = [...linkChanges.values()];
  if (changes.length === 0) return;
  const put = changes.filter(({ expires }) => expires !== null);
  const ids = (some: typeof changes) => [some.map(({ channelId }) => channelId), some.map(({ key }) => key)];
  await client.query(DELETE_LINKS, [...ids(changes), now]);
  if (put.length > 0) await client.query(PUT_LINKS, [...ids(put), put.map(({ expires }) => expires)]);
}

function columns(pairs: { channelId: string; userId: string }[]): [string[], string[]] {
  return [pairs.map((pair) => pair.channelId), pairs.map((pair) => pair.userId)];
}
