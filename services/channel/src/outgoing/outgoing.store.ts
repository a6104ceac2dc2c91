import { Gathered, type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { dueAtOnce } from './outgoing-node.store.js';

/** Posts that wait at most, of one user in one channel and in one channel. */
const MAX_OF_USER = 100;
const MAX_OF_CHANNEL = 1_000;
/** Batches of posts whose question is one statement. */
const MAX_GATHERED = 64;

/** A post for another node. */
export interface OutgoingPost {
  channelId: string;
  id: string;
  nodeId: string;
  userId: string;
  digest: Buffer;
  /** The stored form. */
  body: string;
}

type Pair = Pick<OutgoingPost, 'channelId' | 'userId'>;

export interface WaitingPost extends OutgoingPost {
  n: string;
  /** The channel's name here. */
  name: string;
}

/** What became of a post that was to be kept. */
export type Kept = 'queued' | 'full' | 'conflict';

const WAITING = `
  select distinct p.channel_id, p.user_id from unnest($1::text[], $2::text[]) as wanted (channel_id, user_id)
  join outgoing_posts p on p.user_id = wanted.user_id and p.channel_id = wanted.channel_id`;

const KNOWN = `
  select p.channel_id, p.id, p.digest from unnest($1::text[], $2::text[]) as wanted (channel_id, id)
  join outgoing_posts p on p.channel_id = wanted.channel_id and p.id = wanted.id`;

const COUNT = `
  select channel_id, user_id, count(*)::int as posts from outgoing_posts where channel_id = any($1::text[])
  group by channel_id, user_id`;

const INSERT = `
  insert into outgoing_posts (channel_id, id, node_id, user_id, digest, body, queued_at)
  select channel_id, id, node_id, user_id, digest, body, $7::timestamptz
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[]) with ordinality
    as new (channel_id, id, node_id, user_id, digest, body, place)
  order by place`;

const COLUMNS = 'p.n, p.channel_id, p.id, p.node_id, p.user_id, p.digest, p.body, c.name';

/** Cut where the bodies before a row fill the limit: the first row always comes. */
const FIRST = `
  select ${COLUMNS} from (
    select *, sum(octet_length(body)) over (order by n) - octet_length(body) as before
    from (
      select * from outgoing_posts w where node_id = $1
        and not exists (select 1 from outgoing_handovers h where h.channel_id = w.channel_id and h.step = 'take')
      order by n limit $2
    ) as wanted
  ) as p join channels c on c.channel_id = p.channel_id
  where p.before < $3 order by p.n`;

const SETTLE = 'delete from outgoing_posts where channel_id = $1 and id = any($2::text[])';

const EXPIRED = `
  select ${COLUMNS} from outgoing_posts p join channels c on c.channel_id = p.channel_id
  where p.queued_at <= $1 order by p.n limit 1000`;

/** Their channels' homes have moved since they were kept. */
const AIM = `
  with aimed as (
    update outgoing_posts p set node_id = case when c.replica_from is null then $1 else c.home_node end
    from channels c
    where c.channel_id = p.channel_id and ($2::text[] is null or p.channel_id = any($2))
      and p.node_id <> case when c.replica_from is null then $1 else c.home_node end
    returning p.node_id
  )
  select distinct node_id from aimed`;

const HOMES = `
  select channel_id, case when replica_from is null then $2 else home_node end as node_id
  from channels where channel_id = any($1::text[]) order by channel_id for share`;

/** Posts wait for the home that their channel has now. `own` is this node; without `channelIds` all are looked at. */
export async function aimPosts(
  client: Pool | PoolClient,
  own: string,
  now: string,
  channelIds: string[] | null = null,
): Promise<void> {
  const { rows } = await client.query<{ node_id: string }>(AIM, [own, channelIds]);
  const nodes = rows.map(({ node_id }) => node_id);
  if (nodes.length > 0) await dueAtOnce(client, nodes, now);
}

interface Row {
  n: string;
  channel_id: string;
  id: string;
  node_id: string;
  user_id: string;
  digest: Buffer;
  body: string;
  name: string;
}

/** Posts that their channels' homes have not answered. */
export class OutgoingStore {
  /** Every batch of posts asks, before anything else. */
  readonly #waiting: Gathered<Pair[], Pair[]>;

  constructor(
    private readonly pool: Pool,
    /** Of this node. */
    private readonly nodeId: string,
  ) {
    this.#waiting = new Gathered((batches) => this.#readWaiting(batches), MAX_GATHERED);
  }

  /** Pairs of channel and user for which something waits: what comes after it must wait too. There may be more than were asked for. */
  waiting(posts: Pair[]): Promise<Pair[]> {
    return this.#waiting.run(posts);
  }

  async #readWaiting(batches: Pair[][]): Promise<Pair[][]> {
    const pairs = batches.flat();
    const { rows } = await this.pool.query<Pick<Row, 'channel_id' | 'user_id'>>({
      name: 'outgoing_waiting',
      text: WAITING,
      values: [pairs.map(({ channelId }) => channelId), pairs.map(({ userId }) => userId)],
    });
    const found = rows.map((row) => ({ channelId: row.channel_id, userId: row.user_id }));
    return batches.map(() => found);
  }

  /** Keeps posts for the homes of their channels, in their order; one result for each. */
  async keep(kept: OutgoingPost[], now: string): Promise<Kept[]> {
    return withTransaction(this.pool, async (client) => {
      const posts = await this.#aimed(client, kept);
      const nodes = posts.map(({ nodeId }) => nodeId);
      await dueAtOnce(client, nodes, now);
      // One writer at a time for each node, so that the counts hold.
      await client.query('select 1 from outgoing_nodes where node_id = any($1::text[]) order by node_id for update', [
        nodes,
      ]);
      const results = await decide(client, posts);
      const added = posts.filter((_, i) => results[i] === 'new');
      if (added.length > 0) await insert(client, added, now);
      return results.map((result) => (result === 'new' ? 'queued' : result));
    });
  }

  /**
   * A home may have moved since it was asked. Under a lock that no move passes: what an author wrote before must not wait for another node
   * than what he writes after.
   */
  async #aimed(client: PoolClient, posts: OutgoingPost[]): Promise<OutgoingPost[]> {
    const channels = [...new Set(posts.map(({ channelId }) => channelId))];
    const { rows } = await client.query<{ channel_id: string; node_id: string }>(HOMES, [channels, this.nodeId]);
    const homes = new Map(rows.map(({ channel_id, node_id }) => [channel_id, node_id]));
    return posts.map((post) => ({ ...post, nodeId: homes.get(post.channelId) ?? post.nodeId }));
  }

  /** The oldest for a node: at most `limit`, and not many more bytes than `bytes`. */
  async first(nodeId: string, limit: number, bytes: number): Promise<WaitingPost[]> {
    return (await this.pool.query<Row>(FIRST, [nodeId, limit, bytes])).rows.map(postOf);
  }

  /** Posts that were ordered, or refused. */
  async settle(channelId: string, ids: string[]): Promise<void> {
    await this.pool.query({ name: 'outgoing_settle', text: SETTLE, values: [channelId, ids] });
  }

  /** What waits since before a time, the oldest first. */
  async expired(before: Date): Promise<WaitingPost[]> {
    return (await this.pool.query<Row>(EXPIRED, [before])).rows.map(postOf);
  }

  /** Those of a user who is forgotten. */
  async forget(userId: string): Promise<void> {
    await this.pool.query('delete from outgoing_posts where user_id = $1', [userId]);
  }
}

async function decide(client: PoolClient, posts: OutgoingPost[]): Promise<(Kept | 'new')[]> {
  const ids = [posts.map(({ channelId }) => channelId), posts.map(({ id }) => id)];
  const known = await client.query<Pick<Row, 'channel_id' | 'id' | 'digest'>>(KNOWN, ids);
  const digests = new Map(known.rows.map((row) => [`${row.channel_id} ${row.id}`, row.digest]));
  const { rows } = await client.query<{ channel_id: string; user_id: string; posts: number }>(COUNT, [
    [...new Set(posts.map(({ channelId }) => channelId))],
  ]);
  const counts = new Map<string, number>();
  const add = (key: string, more: number) => counts.set(key, (counts.get(key) ?? 0) + more);
  for (const row of rows) {
    add(row.channel_id, row.posts);
    add(`${row.channel_id} ${row.user_id}`, row.posts);
  }
  return posts.map(({ channelId, id, userId, digest }) => {
    const there = digests.get(`${channelId} ${id}`);
    if (there !== undefined) return there.equals(digest) ? 'queued' : 'conflict';
    const pair = `${channelId} ${userId}`;
    if ((counts.get(pair) ?? 0) >= MAX_OF_USER || (counts.get(channelId) ?? 0) >= MAX_OF_CHANNEL) return 'full';
    digests.set(`${channelId} ${id}`, digest);
    add(channelId, 1);
    add(pair, 1);
    return 'new';
  });
}

async function insert(client: PoolClient, posts: OutgoingPost[], now: string): Promise<void> {
  await client.query(INSERT, [
    posts.map(({ channelId }) => channelId),
    posts.map(({ id }) => id),
    posts.map(({ nodeId }) => nodeId),
    posts.map(({ userId }) => userId),
    posts.map(({ digest }) => digest),
    posts.map(({ body }) => body),
    now,
  ]);
}

function postOf({ n, channel_id, id, node_id, user_id, digest, body, name }: Row): WaitingPost {
  return { n, channelId: channel_id, id, nodeId: node_id, userId: user_id, digest, body, name };
}
