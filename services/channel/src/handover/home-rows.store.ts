import type { Pool, PoolClient } from '@dcp/node-kit';
import { aimPosts } from '../outgoing/outgoing.store.js';
import { dueAtOnce } from '../outgoing/outgoing-node.store.js';

/** Without the `@node` of another home; never of a DM, which is not handed over. */
const PLAIN_NAME = "split_part(name, '@', 1)";

const GIVE = `
  update channels set home_node = $2, home_epoch = $3, replica_from = coalesce(first_seq, 1), first_seq = null, name = ${PLAIN_NAME} || '@' || $2,
    acl_version = acl_version + 1
  where channel_id = $1`;

const TAKE = `
  update channels set home_node = $2, home_epoch = $3, first_seq = nullif(replica_from, 1), replica_from = null,
    name = ${PLAIN_NAME}, acl_version = acl_version + 1
  where channel_id = $1`;

const FOLLOW = `
  update channels set home_node = $2, home_epoch = $3, name = ${PLAIN_NAME} || '@' || $2 where channel_id = $1`;

/** Whoever is behind is still fed, up to the last entry that was ordered here. */
const CLOSE_AUDIENCE = `
  update audience a set until = c.last_seq, left_at = $2::timestamptz from channels c
  where a.channel_id = $1 and c.channel_id = a.channel_id and a.until is null`;

const REOPEN_AUDIENCE = 'update audience set until = null, left_at = null where channel_id = $1 and left_at = $2';

/** "/" follows "." in ASCII; the eight characters before the dot are the node. */
const NEW_AUDIENCE = `
  insert into audience (channel_id, node_id, since)
  select $1, left(user_id, 8), greatest(min(joined_seq), 1) from members
  where channel_id = $1 and not (user_id >= $2 || '.' and user_id < $2 || '/') group by 2 order by 2`;

const TELL = `
  insert into outgoing_handovers (channel_id, node_id, step, at) values ($1, $2, $3, $4)
  on conflict (channel_id, node_id) do update set step = excluded.step, at = excluded.at`;

/** Those that were fed from here to the last. */
const TELL_OTHERS = `
  insert into outgoing_handovers (channel_id, node_id, step, at)
  select channel_id, node_id, 'told', $3 from audience where channel_id = $1 and node_id <> $2 and left_at = $4
  order by node_id on conflict do nothing returning node_id`;

const TELL_AUDIENCE = `
  insert into outgoing_handovers (channel_id, node_id, step, at)
  select channel_id, node_id, 'told', $2 from audience where channel_id = $1
  order by node_id on conflict do nothing returning node_id`;

const SETTLE = 'delete from outgoing_handovers where channel_id = $1 and node_id = $2';
const MOVING = "select at from outgoing_handovers where channel_id = $1 and step = 'take'";
const NAME_TAKEN = `
  select 1 from channels c where name = (select ${PLAIN_NAME} from channels where channel_id = $1)
    and visibility = 'public' and replica_from is null and deleted_at is null and channel_id <> $1
    and (select visibility from channels where channel_id = $1) = 'public'`;

export interface Move {
  channelId: string;
  /** The new home, and the epoch that begins with it. */
  toNode: string;
  epoch: number;
  now: string;
}

/** The channel is ordered here no more, from this transaction on. Under the lock of its row. */
export async function giveUp(client: PoolClient, { channelId, toNode, epoch, now }: Move): Promise<void> {
  await client.query(CLOSE_AUDIENCE, [channelId, now]);
  await client.query(GIVE, [channelId, toNode, epoch]);
  await client.query(TELL, [channelId, toNode, 'take', now]);
  await dueAtOnce(client, [toNode], now);
}

/** Its owner says that this node was lost as its home, which it was not: it is ordered elsewhere. Under the lock of its row. */
export async function stepDown(client: PoolClient, { channelId, toNode, epoch, now }: Move): Promise<void> {
  await client.query(CLOSE_AUDIENCE, [channelId, now]);
  await client.query(GIVE, [channelId, toNode, epoch]);
}

/** The home that was lost shall hear of it if it ever comes back, and all others now. Under the lock of the channel's row. */
export async function tellLost(client: PoolClient, channelId: string, lost: string, now: string): Promise<void> {
  await client.query(TELL, [channelId, lost, 'told', now]);
  const { rows } = await client.query<{ node_id: string }>(TELL_AUDIENCE, [channelId, now]);
  await dueAtOnce(client, [lost, ...rows.map(({ node_id }) => node_id)], now);
}

/** The channel is ordered here, from this transaction on. Under the lock of its row. */
export async function takeOver(client: PoolClient, { channelId, toNode, epoch, now }: Move): Promise<void> {
  await client.query(TAKE, [channelId, toNode, epoch]);
  await client.query('delete from audience where channel_id = $1', [channelId]);
  await client.query(NEW_AUDIENCE, [channelId, toNode]);
  await client.query('delete from outgoing_handovers where channel_id = $1', [channelId]);
  await aimPosts(client, toNode, now, [channelId]);
}

/** Another node orders it now. Under the lock of its row. */
export async function follow(client: PoolClient, { channelId, toNode, epoch, now }: Move, own: string): Promise<void> {
  await client.query(FOLLOW, [channelId, toNode, epoch]);
  // To whom this node gave it never took it, and is lost itself.
  await client.query("delete from outgoing_handovers where channel_id = $1 and step = 'take'", [channelId]);
  await aimPosts(client, own, now, [channelId]);
}

/** What was given up is ordered here again: the new home has refused it, and nobody else has heard. Under the lock of its row. */
export async function takeBack(client: PoolClient, move: Move, givenAt: Date): Promise<void> {
  const { channelId, toNode, epoch, now } = move;
  await client.query('delete from handovers where channel_id = $1 and epoch = $2', [channelId, epoch]);
  await client.query('delete from outgoing_handovers where channel_id = $1', [channelId]);
  await client.query(TAKE, [channelId, toNode, epoch - 1]);
  await client.query(REOPEN_AUDIENCE, [channelId, givenAt]);
  await aimPosts(client, toNode, now, [channelId]);
}

/** The new home has it: everybody else may hear. Returns whom to tell. */
export async function tellOthers(client: PoolClient, { channelId, toNode, now }: Move, givenAt: Date): Promise<void> {
  await client.query(SETTLE, [channelId, toNode]);
  const { rows } = await client.query<{ node_id: string }>(TELL_OTHERS, [channelId, toNode, now, givenAt]);
  const nodes = rows.map(({ node_id }) => node_id);
  await dueAtOnce(client, nodes, now);
}

export async function settleTold(pool: Pool, channelId: string, nodeId: string): Promise<void> {
  await pool.query(`${SETTLE} and step = 'told'`, [channelId, nodeId]);
}

/** When this node gave the channel up, as long as the new home has not taken it. */
export async function movingSince(client: Pool | PoolClient, channelId: string): Promise<Date | undefined> {
  return (await client.query<{ at: Date }>(MOVING, [channelId])).rows[0]?.at;
}

/** Whether a public channel of this node has the name that the channel would have here. */
export async function isNameTaken(client: Pool | PoolClient, channelId: string): Promise<boolean> {
  return (await client.query(NAME_TAKEN, [channelId])).rowCount !== 0;
}

export interface WaitingHandover {
  channelId: string;
  step: 'take' | 'told';
}

/** What a node must hear. */
export async function waitingFor(pool: Pool, nodeId: string, limit: number): Promise<WaitingHandover[]> {
  const { rows } = await pool.query<{ channel_id: string; step: 'take' | 'told' }>(
    'select channel_id, step from outgoing_handovers where node_id = $1 order by at limit $2',
    [nodeId, limit],
  );
  return rows.map(({ channel_id, step }) => ({ channelId: channel_id, step }));
}

/** Nodes that were away for too long hear it from the new home. */
export async function expireTold(pool: Pool, before: Date): Promise<void> {
  await pool.query("delete from outgoing_handovers where step = 'told' and at <= $1", [before]);
}
