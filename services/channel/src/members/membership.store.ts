import type { Membership } from '@dcp/contracts';
import { type EncryptionMode, MAX_SUBSCRIPTIONS, type Visibility } from '@dcp/protocol';
import type { Pool } from '@dcp/node-kit';
import { usersOf } from '../node/node-of.js';
import type { PrismaClient } from '../database.js';
import type { Role } from '../log/operation.js';

export interface MemberPage {
  members: { user_id: string; role: string; joined_at: string }[];
  has_more: boolean;
}

interface MembershipRow {
  channel_id: string;
  name: string;
  role: Role | null;
  last_seq: string;
  encryption: EncryptionMode;
  visibility: Visibility;
}

interface PlaceRow extends MembershipRow {
  home_node: string;
  replica_from: string | null;
}

/** A user's place in a channel that exists; `role` is null when he has none. */
export type Place = Omit<Membership, 'role'> & {
  role: Role | null;
  /** Of another node's channel: its home, and the first `seq` from which the replica has no gap. */
  replica: { home: string; from: number } | null;
};

const COLUMNS = 'c.channel_id, c.name, c.last_seq, c.encryption, c.visibility, m.role';

const FIND = `
  select ${COLUMNS}, c.home_node, c.replica_from
  from channels c left join members m on m.channel_id = c.channel_id and m.user_id = $2
  where c.channel_id = $1 and c.deleted_at is null`;

const NODES_IN = `
  select node_id from audience where channel_id = any($1) and until is null
  union select home_node from channels where channel_id = any($1) and replica_from is not null`;

const SEALED_OF = `
  select m.channel_id from members m join channels c on c.channel_id = m.channel_id
  where m.user_id = $1 and c.encryption = 'e2ee' and c.deleted_at is null order by m.channel_id limit $2`;

const FULL = `
  select user_id from members where user_id = any($1::text[]) group by user_id having count(*) >= $2 limit 1`;

const LIST = `
  select ${COLUMNS}
  from members m join channels c on c.channel_id = m.channel_id
  where m.user_id = $1 and c.deleted_at is null order by c.name limit $2`;

/** Who is in which channel, as of now: nothing here is cached. */
export class MembershipStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly pool: Pool,
  ) {}

  /** The channel's name and head, and the user's role in it; null when he has none. Undefined: there is no such channel. */
  async inspect(channelId: string, userId: string): Promise<Place | undefined> {
    const { rows } = await this.pool.query<PlaceRow>({
      name: 'find_membership',
      text: FIND,
      values: [channelId, userId],
    });
    return rows[0] === undefined ? undefined : placeOf(rows[0]);
  }

  /** Whether a user is the only one of a node in a channel. */
  async onlyOneOf(channelId: string, userId: string, nodeId: string): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      'select 1 from members where channel_id = $1 and user_id >= $2 and user_id < $3 and user_id <> $4 limit 1',
      [channelId, ...usersOf(nodeId), userId],
    );
    return rowCount === 0;
  }

  /** The `e2ee` channels of a user. */
  async sealedOf(userId: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ channel_id: string }>(SEALED_OF, [userId, MAX_SUBSCRIPTIONS]);
    return rows.map((row) => row.channel_id);
  }

  /** Other nodes that have to do with these channels: those of their members where the home is here, else their homes. */
  async nodesIn(channelIds: string[]): Promise<string[]> {
    const { rows } = await this.pool.query<{ node_id: string }>(NODES_IN, [channelIds]);
    return rows.map(({ node_id }) => node_id);
  }

  /** Whether one of the users is in so many channels already. */
  async someIn(userIds: string[], channels: number): Promise<boolean> {
    return (await this.pool.query(FULL, [userIds, channels])).rowCount !== 0;
  }

  async find(channelId: string, userId: string): Promise<{ role: string } | undefined> {
    const row = await this.prisma.member.findUnique({ where: { channelId_userId: { channelId, userId } } });
    return row === null ? undefined : { role: row.role };
  }

  /** All channels of a user, by name. */
  async listOf(userId: string): Promise<Membership[]> {
    const { rows } = await this.pool.query<MembershipRow & { role: Role }>({
      name: 'list_memberships',
      text: LIST,
      values: [userId, MAX_SUBSCRIPTIONS],
    });
    return rows.map((row) => ({ ...row, last_seq: Number(row.last_seq) }));
  }

  /** Members after a user id, by user id. */
  async page(channelId: string, after: string, limit: number): Promise<MemberPage> {
    const where = { channelId, userId: { gt: after } };
    const rows = await this.prisma.member.findMany({ where, orderBy: { userId: 'asc' }, take: limit + 1 });
    const members = rows.slice(0, limit).map((row) => ({
      user_id: row.userId,
      role: row.role,
      joined_at: row.joinedAt.toISOString(),
    }));
    return { members, has_more: rows.length > limit };
  }

  async countOf(userId: string): Promise<{ all: number; owned: number }> {
    const [all, owned] = await Promise.all([
      this.prisma.member.count({ where: { userId } }),
      this.prisma.member.count({ where: { userId, role: 'owner' } }),
    ]);
    return { all, owned };
  }
}

function placeOf({ home_node, replica_from, last_seq, ...row }: PlaceRow): Place {
  const replica = replica_from === null ? null : { home: home_node, from: Number(replica_from) };
  return { ...row, last_seq: Number(last_seq), replica };
}
