import type { Invitation } from '@dcp/contracts';
import type { Clock, Pool } from '@dcp/node-kit';
import { LRUCache } from 'lru-cache';

const MAX_CACHED = 50_000;
/** Channels that users of this node have looked at without joining them. */
const MAX_KNOWN = 100_000;
const MAX_INVITATIONS = 1_000;

const FIND = `
  select 1 as place, home_node, replica_from is null as own from channels where channel_id = $1
  union all select 2, home_node, false from known_homes where channel_id = $1
  union all (select 3, home_node, false from remote_invitations where channel_id = $1 limit 1)
  order by place limit 1`;

const REMEMBER = `
  insert into known_homes (channel_id, home_node, seen_at) values ($1, $2, $3)
  on conflict (channel_id) do update set home_node = excluded.home_node, seen_at = excluded.seen_at`;

const PRUNE = `
  delete from known_homes where seen_at < (select seen_at from known_homes order by seen_at desc offset ${MAX_KNOWN} limit 1)`;

/** Requests to write to somebody (§10.3) that nobody has answered. */
const REQUESTS_MS = 30 * 86_400_000;
const EXPIRE = [
  'delete from dm_wishes where wished_at < $1',
  "delete from remote_invitations where name like '@%' and created_at < $1",
];

const INVITED = `
  select channel_id, name, title, invited_by, created_at from remote_invitations
  where user_id = $1 order by created_at desc, channel_id limit ${MAX_INVITATIONS}`;

const INVITE = `
  insert into remote_invitations (channel_id, user_id, home_node, name, title, invited_by, created_at)
  select $1, $2, $3, $4, $5, $6, $7
  where (select count(*) from remote_invitations where user_id = $2) < ${MAX_INVITATIONS}
    and not exists (select 1 from channels where channel_id = $1 and deleted_at is null)
  on conflict (channel_id, user_id) do update
  set name = excluded.name, title = excluded.title, invited_by = excluded.invited_by, created_at = excluded.created_at
  where remote_invitations.home_node = excluded.home_node`;

export interface RemoteInvitation extends Omit<Invitation, 'created'> {
  user_id: string;
  home_node: string;
  created: Date;
}

/** Where channels have their home, and what users of this node were told of channels that no replica is of. */
export class HomeDirectory {
  /** Forgotten when it moves; an answer out of date is refused by who was asked. Null: it is here. */
  readonly #homes = new LRUCache<string, { remote: string | null }>({ max: MAX_CACHED });

  constructor(
    private readonly pool: Pool,
    private readonly clock: Clock,
  ) {}

  /** The other node that orders the channel; null: this one; undefined: nothing is known of it. */
  async find(channelId: string): Promise<string | null | undefined> {
    const cached = this.#homes.get(channelId);
    if (cached !== undefined) return cached.remote;
    const { rows } = await this.pool.query<{ place: number; home_node: string; own: boolean }>({
      name: 'find_home',
      text: FIND,
      values: [channelId],
    });
    const row = rows[0];
    if (row === undefined) return undefined;
    const remote = row.own ? null : row.home_node;
    // Only of channels whose genesis was checked; a hint may be mended by a better one.
    if (row.place === 1) this.#homes.set(channelId, { remote });
    return remote;
  }

  /** The home has moved. */
  forget(channelId: string): void {
    this.#homes.delete(channelId);
  }

  /** A user was told by the node itself that the channel is there. */
  async remember(channelId: string, homeNode: string): Promise<void> {
    await this.pool.query(REMEMBER, [channelId, homeNode, new Date(this.clock.now())]);
  }

  async prune(): Promise<void> {
    await this.pool.query(PRUNE);
    const before = new Date(this.clock.now() - REQUESTS_MS);
    for (const statement of EXPIRE) await this.pool.query(statement, [before]);
  }

  /** The newest invitations of a user to channels without a replica. */
  async invitationsOf(userId: string): Promise<Invitation[]> {
    const { rows } = await this.pool.query<Omit<Invitation, 'created'> & { created_at: Date }>(INVITED, [userId]);
    return rows.map(({ created_at, ...row }) => ({ ...row, created: created_at.toISOString() }));
  }

  /** False: it is known already, or told by a replica. */
  async invite({
    channel_id,
    user_id,
    home_node,
    name,
    title,
    invited_by,
    created,
  }: RemoteInvitation): Promise<boolean> {
    const values = [channel_id, user_id, home_node, name, title, invited_by, created];
    return (await this.pool.query(INVITE, values)).rowCount !== 0;
  }

  /** False: there was none. */
  async uninvite(channelId: string, userId: string, homeNode: string): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      'delete from remote_invitations where channel_id = $1 and user_id = $2 and home_node = $3',
      [channelId, userId, homeNode],
    );
    return rowCount !== 0;
  }

  /** From now on a replica knows who is invited, and where its home is. */
  async replicated(channelId: string): Promise<void> {
    await this.pool.query('delete from remote_invitations where channel_id = $1', [channelId]);
    await this.pool.query('delete from known_homes where channel_id = $1', [channelId]);
    this.forget(channelId);
  }
}
