import type { AudienceChannel } from '@dcp/contracts';
import type { Pool, PoolClient } from '@dcp/node-kit';
import type { MemberChange } from '../log/commit-plan.js';
import type { Pair } from '../members/member.store.js';
import { nodeOf } from '../node/node-of.js';

/** Channels in one page. */
const PAGE = 500;
/** How long a node that has no member any more is still named, in days. */
const DEPARTED_DAYS = 8;
/** How long it is known where it began: a node that was cut off for longer than that may find a gap. */
const KEPT_DAYS = 400;

/** A node that comes back goes on where it was: what it has not heard of its leaving would be a gap in its replica. */
const OPEN = `
  insert into audience (channel_id, node_id, since)
  select channel_id, node_id, greatest(min(seq), 1)
  from unnest($1::text[], $2::text[], $3::bigint[]) as came (channel_id, node_id, seq)
  group by channel_id, node_id order by channel_id, node_id
  on conflict (channel_id, node_id) do update set until = null, left_at = null`;

/** "/" follows "." in ASCII: the users of one node are one range of the primary key. */
const CLOSE = `
  update audience a set until = c.last_seq, left_at = $3::timestamptz
  from (select distinct channel_id, node_id from unnest($1::text[], $2::text[]) as one (channel_id, node_id)) as gone
  join channels c on c.channel_id = gone.channel_id
  where a.channel_id = gone.channel_id and a.node_id = gone.node_id and a.until is null
    and not exists (select 1 from members m where m.channel_id = a.channel_id
      and m.user_id >= a.node_id || '.' and m.user_id < a.node_id || '/')`;

/** Also of channels that were given up: whoever lacks something is fed up to where the order of this node ended, in its last epoch. */
const LIST = `
  select c.channel_id, c.last_seq, a.node_id, a.since, a.until, mine.home_epoch, coalesce(b.last_seq, 0) as begun
  from (
    select distinct channel_id from audience
    where channel_id > $1 and ($2::text is null or channel_id = $2) and (until is null or left_at > $3)
    order by channel_id limit ${PAGE}
  ) as page
  join channels c on c.channel_id = page.channel_id and c.deleted_at is null
  join audience a on a.channel_id = page.channel_id and (a.until is null or a.left_at > $3)
  cross join lateral (
    select case when c.replica_from is null then c.home_epoch
      else (select max(h.epoch) - 1 from handovers h where h.channel_id = c.channel_id and h.from_node = $4) end as home_epoch
  ) as mine
  left join handovers b on b.channel_id = c.channel_id and b.epoch = mine.home_epoch
  where mine.home_epoch is not null
  order by c.channel_id, a.node_id`;

const PRESENT = 'select 1 from audience where channel_id = $1 and node_id = $2 and until is null';
const FORGET_DEPARTED = 'delete from audience where until is not null and left_at <= $1';

/** Members of other nodes have come. Under the lock of their channels. */
export async function openAudience(client: PoolClient, added: MemberChange[]): Promise<void> {
  const joined = added.map(({ row }) => row?.joinedSeq ?? 1);
  await client.query(OPEN, [...columns(added), joined]);
}

/** Members of other nodes have gone; their rows are deleted and the head is moved already. Under the lock of their channels. */
export async function closeAudience(client: PoolClient, removed: Pair[], now: string): Promise<void> {
  await client.query(CLOSE, [...columns(removed), now]);
}

function columns(pairs: Pair[]): [string[], string[]] {
  return [pairs.map(({ channelId }) => channelId), pairs.map(({ userId }) => nodeOf(userId))];
}

/** Which other nodes get which channels of this one. */
export class AudienceStore {
  constructor(
    private readonly pool: Pool,
    /** Of this node. */
    private readonly nodeId: string,
  ) {}

  /** A page of channels by id; `channelId` narrows it to one. There is more where the page is full. */
  async page(after: string, channelId: string | undefined, now: number): Promise<AudienceChannel[]> {
    const { rows } = await this.pool.query<{
      channel_id: string;
      last_seq: string;
      node_id: string;
      since: string;
      until: string | null;
      home_epoch: number;
      begun: string;
    }>(LIST, [after, channelId ?? null, before(now, DEPARTED_DAYS), this.nodeId]);
    const channels = new Map<string, AudienceChannel>();
    for (const row of rows) {
      const { channel_id, home_epoch } = row;
      const counts = { last_seq: Number(row.last_seq), begun: Number(row.begun) };
      const channel: AudienceChannel = channels.get(channel_id) ?? { channel_id, home_epoch, ...counts, nodes: [] };
      channels.set(row.channel_id, channel);
      const until = row.until === null ? {} : { until: Number(row.until) };
      channel.nodes.push({ node_id: row.node_id, since: Number(row.since), ...until });
    }
    return [...channels.values()];
  }

  /** Whether a node has a member in a channel whose home is here. */
  async has(channelId: string, nodeId: string): Promise<boolean> {
    return (await this.pool.query(PRESENT, [channelId, nodeId])).rowCount !== 0;
  }

  async forgetDeparted(now: number): Promise<void> {
    await this.pool.query(FORGET_DEPARTED, [before(now, KEPT_DAYS)]);
  }
}

function before(now: number, days: number): Date {
  return new Date(now - days * 86_400_000);
}
