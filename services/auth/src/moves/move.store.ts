import { type Pool, withTransaction } from '@dcp/node-kit';
import { canonicalJson, isNewerMove, moveEnd, type MovedTo } from '@dcp/protocol';

interface Row {
  user_id: string;
  record: string;
}

/** What became of a record: it holds (until its account ends), it came after a later one, or there is no such account. */
export type Kept = { until: Date } | 'older' | 'gone';

const KEEP = `
  insert into moves (user_id, record, issued) values ($1, $2, $3)
  on conflict (user_id) do update set record = excluded.record, issued = excluded.issued`;

/** A later record, or one of an account that ends by itself, does not make it live longer (`least` passes over null). */
const END = 'update accounts set expires_at = least(expires_at, $2) where user_id = $1 returning expires_at';

/** Where accounts of this node have gone. */
export class MoveStore {
  constructor(private readonly pool: Pool) {}

  async find(userId: string): Promise<MovedTo | undefined> {
    const { rows } = await this.pool.query<Row>('select record from moves where user_id = $1', [userId]);
    return rows[0] === undefined ? undefined : recordOf(rows[0]);
  }

  /** One record of a user at a time: the last word holds. The same record again is kept as it was. */
  keep(record: MovedTo): Promise<Kept> {
    const { user_id: userId, issued } = record;
    return withTransaction<Kept>(this.pool, async (client) => {
      const account = await client.query('select 1 from accounts where user_id = $1 for update', [userId]);
      if (account.rowCount === 0) return 'gone';
      const { rows } = await client.query<Row>('select record from moves where user_id = $1', [userId]);
      const known = rows[0] === undefined ? undefined : recordOf(rows[0]);
      const isKnown = known !== undefined && canonicalJson(known) === canonicalJson(record);
      if (!isKnown && !isNewerMove(record, known)) return 'older';
      await client.query(KEEP, [userId, JSON.stringify(record), issued]);
      const ended = await client.query<{ expires_at: Date }>(END, [userId, new Date(moveEnd(record))]);
      return { until: ended.rows[0]?.expires_at ?? new Date(moveEnd(record)) };
    });
  }
}

function recordOf({ record }: Pick<Row, 'record'>): MovedTo {
  return JSON.parse(record) as MovedTo;
}
