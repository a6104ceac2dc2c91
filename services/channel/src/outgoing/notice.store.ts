import type { ChannelNotice } from '@dcp/contracts';
import type { Pool, PoolClient } from '@dcp/node-kit';
import type { InvitationChange } from '../state/standings.js';
import { nodeOf } from '../node/node-of.js';
import { dueAtOnce } from './outgoing-node.store.js';

/** Only the last news about a user and a channel counts. */
const QUEUE = `
  insert into outgoing_notices (channel_id, user_id, node_id, change, by_user, at)
  select channel_id, user_id, node_id, change, by_user, $6::timestamptz
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    as news (channel_id, user_id, node_id, change, by_user)
  on conflict (channel_id, user_id) do update
  set change = excluded.change, by_user = excluded.by_user, at = excluded.at`;

const FIRST = `
  select n.channel_id, n.user_id, n.change, n.by_user, n.at, c.title,
    case when c.name like '#%' then split_part(c.name, '@', 1) else c.name end as name
  from outgoing_notices n join channels c on c.channel_id = n.channel_id
  where n.node_id = $1 order by n.at limit $2`;

/** Unless there is newer news by now. */
const SETTLE = 'delete from outgoing_notices where channel_id = $1 and user_id = $2 and at = $3';
const EXPIRE = 'delete from outgoing_notices where at <= $1';

interface NoticeRow {
  channel_id: string;
  user_id: string;
  change: ChannelNotice['change'];
  by_user: string;
  at: Date;
  name: string;
  title: string;
}

/** Writes down what other nodes must hear about their users. In the transaction of the change itself. */
export async function queueNotices(client: PoolClient, changes: InvitationChange[], now: string): Promise<void> {
  const nodes = changes.map(({ userId }) => nodeOf(userId));
  await client.query(QUEUE, [
    changes.map(({ channelId }) => channelId),
    changes.map(({ userId }) => userId),
    nodes,
    changes.map(({ row }) => (row === null ? 'revoked' : 'invited')),
    changes.map(({ row }) => row?.invitedBy ?? ''),
    now,
  ]);
  await dueAtOnce(client, nodes, now);
}

/** News that wait for their nodes. */
export class NoticeStore {
  constructor(private readonly pool: Pool) {}

  /** The oldest for a node. */
  async first(nodeId: string, limit: number): Promise<ChannelNotice[]> {
    const { rows } = await this.pool.query<NoticeRow>(FIRST, [nodeId, limit]);
    return rows.map(({ by_user, at, ...row }) => ({ ...row, by: by_user, at: at.toISOString() }));
  }

  async settle({ channel_id, user_id, at }: ChannelNotice): Promise<void> {
    await this.pool.query(SETTLE, [channel_id, user_id, at]);
  }

  async expire(before: Date): Promise<void> {
    await this.pool.query(EXPIRE, [before]);
  }
}
