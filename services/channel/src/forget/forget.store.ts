import { type Pool, withTransaction } from '@dcp/node-kit';

export interface LeftChannel {
  channelId: string;
  name: string;
}

/** Entries wiped in one transaction: short enough that nobody waits for its locks. */
const CHUNK = 1_000;

const LOCK = 'select 1 from channels where channel_id = $1 for update';

/** The version moves so that cached roles of the user end (see `Authorities`). */
const REMOVE_MEMBER = `
  with gone as (delete from members where channel_id = $1 and user_id = $2 returning channel_id)
  update channels c set member_count = member_count - 1, acl_version = acl_version + 1
  from gone where c.channel_id = gone.channel_id returning c.name`;

/** The second condition is that of the partial index. */
const WIPE = `
  with chosen as (
    select channel_id, seq from channel_events where author = $1 and author <> '' limit ${CHUNK} for update
  )
  update channel_events e set author = '', device = null, body = '', digest = decode(repeat('00', 32), 'hex')
  from chosen where e.channel_id = chosen.channel_id and e.seq = chosen.seq`;

const WIPE_GENESIS = `update channels set creator = '', genesis = '', genesis_signature = '' where creator = $1`;

/** Takes a user out of everything that this service stores. */
export class ForgetStore {
  constructor(private readonly pool: Pool) {}

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
      await client.query(LOCK, [channelId]);
      const { rows } = await client.query<{ name: string }>(REMOVE_MEMBER, [channelId, userId]);
      return rows[0] === undefined ? undefined : { channelId, name: rows[0].name };
    });
  }

  /** Empties up to a thousand entries of an author and returns how many; 0 when none is left. Their numbers and ids stay. */
  async wipeEntries(userId: string): Promise<number> {
    return withTransaction(this.pool, async (client) => (await client.query(WIPE, [userId])).rowCount ?? 0);
  }

  /** The channels that he made go on, but no longer say who made them. */
  async wipeGenesis(userId: string): Promise<void> {
    await this.pool.query(WIPE_GENESIS, [userId]);
  }
}
