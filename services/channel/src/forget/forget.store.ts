import { type Pool, withTransaction } from '@dcp/node-kit';
import { nodeOf } from '../node/node-of.js';
import { closeAudience } from '../peers/audience.store.js';
import { retireIfEmpty } from '../replicas/replica.store.js';

export interface LeftChannel {
  channelId: string;
  name: string;
}

/** Entries wiped in one transaction: short enough that nobody waits for its locks. */
const CHUNK = 1_000;

const LOCK = 'select replica_from is not null as is_replica from channels where channel_id = $1 for update';

const REMOTE = `
  select c.channel_id, c.home_node from members m join channels c on c.channel_id = m.channel_id
  where m.user_id = $1 and c.replica_from is not null and c.deleted_at is null order by c.channel_id`;

/**
 * The version moves so that cached roles of the user end (see `Authorities`). The key epoch stays: it is counted by the signed entries, and
 * no entry says that he is gone, because he cannot sign one any more. His devices are gone with his account, so that whoever writes next
 * leaves his keys behind. A DM goes with its last member.
 */
const REMOVE_MEMBER = `
  with gone as (delete from members where channel_id = $1 and user_id = $2 returning channel_id)
  update channels c set member_count = member_count - 1, acl_version = acl_version + 1,
    name = case when visibility = 'dm' and member_count = 1 then '' else name end,
    deleted_at = case when visibility = 'dm' and member_count = 1 then now() else deleted_at end
  from gone where c.channel_id = gone.channel_id returning c.name`;

/**
 * The second condition is that of the partial index. State entries of `e2ee` channels stay: each is a link of a chain that everybody who
 * comes later has to check, and it holds ids and public keys only.
 */
const WIPE = `
  with chosen as (
    select channel_id, seq from channel_events e where author = $1 and author <> ''
      and not (type = 'system'
        and exists (select 1 from channels c where c.channel_id = e.channel_id and c.encryption = 'e2ee'))
    limit ${CHUNK} for update
  )
  update channel_events e set author = '', device = null, body = '', digest = decode(repeat('00', 32), 'hex')
  from chosen where e.channel_id = chosen.channel_id and e.seq = chosen.seq`;

/** What others were told by him stays, without his name: the chain says it too, and the rules must come to the same. */
const WIPE_STANDINGS = [
  'delete from invitations where user_id = $1',
  'delete from remote_invitations where user_id = $1',
  'delete from dm_wishes where user_id = $1',
  'delete from refused_posts where user_id = $1',
  'delete from outgoing_notices where user_id = $1',
  'delete from bans where user_id = $1',
  "update invitations set invited_by = '' where invited_by = $1 and invited_by <> ''",
  "update bans set banned_by = '' where banned_by = $1 and banned_by <> ''",
];

/** Without the genesis nobody could follow them, and each of them names him. Where the channel went stays known. */
const WIPE_HANDOVERS = `
  update handovers h set record = '', hash = '' from channels c
  where c.channel_id = h.channel_id and c.creator = $1 and c.encryption = 'node'`;

const WIPE_MANDATES = `
  delete from mandates m using channels c
  where c.channel_id = m.channel_id and c.creator = $1 and c.encryption = 'node'`;

const WIPE_GENESIS = `update channels set creator = '', genesis = '', genesis_signature = ''
  where creator = $1 and encryption = 'node'`;

/** Takes a user out of everything that this service stores. */
export class ForgetStore {
  constructor(
    private readonly pool: Pool,
    /** Of this node. */
    private readonly nodeId: string,
  ) {}

  /** Those that other nodes order. */
  async remoteChannelsOf(userId: string): Promise<{ channelId: string; home: string }[]> {
    const { rows } = await this.pool.query<{ channel_id: string; home_node: string }>(REMOTE, [userId]);
    return rows.map((row) => ({ channelId: row.channel_id, home: row.home_node }));
  }

  async channelsOf(userId: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ channel_id: string }>(
      'select channel_id from members where user_id = $1 order by channel_id',
      [userId],
    );
    return rows.map((row) => row.channel_id);
  }

  /** Undefined when somebody else was faster. */
  async removeMember(channelId: string, userId: string): Promise<LeftChannel | undefined> {
    return withTransaction(this.pool, async (client) => {
      const locked = await client.query<{ is_replica: boolean }>(LOCK, [channelId]);
      const { rows } = await client.query<{ name: string }>(REMOVE_MEMBER, [channelId, userId]);
      if (rows[0] === undefined) return undefined;
      const now = new Date().toISOString();
      if (locked.rows[0]?.is_replica === true) await retireIfEmpty(client, channelId, this.nodeId, now);
      else if (nodeOf(userId) !== this.nodeId) await closeAudience(client, [{ channelId, userId }], now);
      return { channelId, name: rows[0].name };
    });
  }

  /** Empties up to a thousand entries of an author and returns how many; 0 when none is left. Their numbers and ids stay. */
  async wipeEntries(userId: string): Promise<number> {
    return withTransaction(this.pool, async (client) => (await client.query(WIPE, [userId])).rowCount ?? 0);
  }

  async wipeStandings(userId: string): Promise<void> {
    for (const statement of WIPE_STANDINGS) await this.pool.query(statement, [userId]);
  }

  /** The channels that he made go on, but no longer say who made them. */
  async wipeGenesis(userId: string): Promise<void> {
    await this.pool.query(WIPE_HANDOVERS, [userId]);
    await this.pool.query(WIPE_MANDATES, [userId]);
    await this.pool.query(WIPE_GENESIS, [userId]);
  }
}
