import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { systemContent } from '@dcp/protocol';
import { nodeOf } from '../node/node-of.js';
import { type OrderedEntry, orderedEntry } from './ordered-entry.js';
import { insertMissing, lockHome } from './replica.store.js';

/** Of a readable channel's replica: the state entries after `after` and before `before` have not been read from its home yet. */
export interface ChainGap {
  channelId: string;
  homeNode: string;
  after: number;
  before: number;
}

const OPEN = `update channels set chain_after = 0, chain_before = $2 where channel_id = $1`;

/** The one that has waited longest, for whoever comes first. */
const LEASE = `
  update channels set chain_leased_until = $2
  where channel_id = (
    select channel_id from channels
    where chain_after is not null and deleted_at is null and replica_from is not null
      and (chain_leased_until is null or chain_leased_until <= $1)
    order by chain_leased_until nulls first limit 1 for update skip locked)
  returning channel_id, home_node, chain_after::float8 as after, chain_before::float8 as before`;

const FIND = 'select chain_after::float8 as after from channels where channel_id = $1';
const MOVE = 'update channels set chain_after = $2, chain_leased_until = null where channel_id = $1';
const CLOSE = `
  update channels set chain_after = null, chain_before = null, chain_leased_until = null,
    member_count = (select count(*) from members m where m.channel_id = $1)
  where channel_id = $1`;

const LIVE = `
  select seq::float8 as seq, id, type, author, received_at, body from channel_events
  where channel_id = $1 and type = 'system' and seq >= $2 order by seq`;

const PUT_OUT = 'delete from members where channel_id = $1 and user_id = any($2::text[]) and joined_seq < $3';
const LET_IN = `
  insert into members (channel_id, user_id, role, joined_at, joined_seq)
  select $1, t.* from unnest($2::text[], $3::text[], $4::timestamptz[], $5::bigint[]) as t on conflict do nothing`;

/** A replica was made without what was in the chain before its first entry. Within the transaction that made it. */
export async function openGap(client: PoolClient, channelId: string, before: number): Promise<void> {
  await client.query(OPEN, [channelId, before]);
}

/** Whether the replica knows everybody who is in the channel. */
export async function isChainWhole(client: Pool | PoolClient, channelId: string): Promise<boolean> {
  const { rows } = await client.query<{ after: number | null }>(FIND, [channelId]);
  return rows[0]?.after === null;
}

/** Gaps of replicas, filled a page at a time. */
export class ChainGapStore {
  constructor(
    private readonly pool: Pool,
    private readonly nodeId: string,
  ) {}

  async lease(now: Date, until: Date): Promise<ChainGap | undefined> {
    const { rows } = await this.pool.query<{ channel_id: string; home_node: string; after: number; before: number }>(
      LEASE,
      [now, until],
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    return { channelId: row.channel_id, homeNode: row.home_node, after: row.after, before: row.before };
  }

  /** Its home did not answer: not before then again. */
  async postpone(channelId: string, until: Date): Promise<void> {
    await this.pool.query('update channels set chain_leased_until = $2 where channel_id = $1', [channelId, until]);
  }

  /** The next entries of the chain, ascending; without any, the chain is whole. Nothing where somebody else was faster. */
  fill({ channelId, after, before }: ChainGap, entries: OrderedEntry[], isEnd: boolean): Promise<void> {
    return withTransaction(this.pool, async (client) => {
      const row = await lockHome(client, channelId);
      const { rows } = await client.query<{ after: number | null }>(FIND, [channelId]);
      if (row === undefined || rows[0]?.after !== after) return;
      await insertMissing(client, channelId, row.homeEpoch, entries);
      await this.#follow(client, channelId, entries, before);
      if (!isEnd) return void (await client.query(MOVE, [channelId, entries.at(-1)?.seq ?? after]));
      await this.#replay(client, channelId, before);
      await client.query(CLOSE, [channelId]);
    });
  }

  /** Who came and went while the gap was open has the last word. */
  async #replay(client: PoolClient, channelId: string, before: number): Promise<void> {
    type Row = { seq: number; id: string; type: string; author: string; received_at: Date; body: string };
    const { rows } = await client.query<Row>(LIVE, [channelId, before]);
    const entries = rows.map((row) => orderedEntry({ ...row, received_at: row.received_at.toISOString() }, channelId));
    await this.#follow(client, channelId, entries, Number.MAX_SAFE_INTEGER);
  }

  /** Users of this node are left out below the gap's end: the replica begins with the first of them who is in the channel now. */
  async #follow(client: PoolClient, channelId: string, entries: OrderedEntry[], before: number): Promise<void> {
    const last = new Map<string, OrderedEntry | undefined>();
    const roles = new Map<string, 'owner' | 'member'>();
    for (const entry of entries) {
      const action = actionOf(entry);
      const isOwn = nodeOf(entry.author) === this.nodeId && before !== Number.MAX_SAFE_INTEGER;
      if (action === undefined || isOwn) continue;
      last.set(entry.author, action === 'out' ? undefined : entry);
      if (action !== 'out') roles.set(entry.author, action);
    }
    if (last.size === 0) return;
    const users = [...last.keys()];
    await client.query(PUT_OUT, [channelId, users.filter((user) => last.get(user) === undefined), before]);
    const come = users.flatMap((user) => last.get(user) ?? []);
    await client.query(LET_IN, [
      channelId,
      come.map(({ author }) => author),
      come.map(({ author }) => roles.get(author)),
      come.map(({ received_at }) => received_at),
      come.map(({ seq }) => seq),
    ]);
  }
}

/** In readable channels a change is about whoever made it. */
function actionOf({ type, message }: OrderedEntry): 'owner' | 'member' | 'out' | undefined {
  if (type !== 'system' || message === undefined) return undefined;
  const content = systemContent.safeParse(message['content']);
  if (!content.success) return undefined;
  switch (content.data.action) {
    case 'channel_created':
      return 'owner';
    case 'user_joined':
      return 'member';
    case 'user_left':
    case 'user_removed':
    case 'user_banned':
      return 'out';
    default:
      return undefined;
  }
}
