import type { PostRefused, Refusal } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import type { WaitingPost } from './outgoing.store.js';

/** Refusals that are kept for a user, and that he is told of at once. */
const [MAX_KEPT, MAX_TOLD] = [1_000, 200];
const KEPT_MS = 30 * 86_400_000;

/** The post goes and the refusal is there, in one statement: whatever ends between, the author hears of it. */
const REFUSE = `
  with gone as (delete from outgoing_posts where channel_id = $1 and id = $2)
  insert into refused_posts (channel_id, id, user_id, name, error, refused_at)
  select $1, $2, $3, $4, $5, $6 where (select count(*) from refused_posts where user_id = $3) < ${MAX_KEPT}
  on conflict (channel_id, id) do update set error = excluded.error, refused_at = excluded.refused_at`;

const OF_USER = `
  select channel_id, id, user_id, name, error from refused_posts where user_id = $1 order by refused_at, id limit ${MAX_TOLD}`;

const SEEN = 'delete from refused_posts where user_id = $1 and id = any($2::text[])';

interface Row {
  channel_id: string;
  id: string;
  user_id: string;
  name: string;
  error: string;
}

/** Posts that waited for another node and came to nothing, until a device of the author has taken note. */
export class RefusedStore {
  constructor(private readonly pool: Pool) {}

  async refuse({ channelId, id, userId, name }: WaitingPost, error: Refusal, now: Date): Promise<void> {
    await this.pool.query(REFUSE, [channelId, id, userId, name, JSON.stringify(error), now]);
  }

  async of(userId: string): Promise<PostRefused[]> {
    const { rows } = await this.pool.query<Row>({ name: 'refused_posts', text: OF_USER, values: [userId] });
    return rows.map(({ id: message_id, error, ...row }) => ({
      ...row,
      message_id,
      error: JSON.parse(error) as Refusal,
    }));
  }

  async seen(userId: string, ids: string[]): Promise<void> {
    await this.pool.query(SEEN, [userId, ids]);
  }

  async expire(now: number): Promise<void> {
    await this.pool.query('delete from refused_posts where refused_at < $1', [new Date(now - KEPT_MS)]);
  }
}
