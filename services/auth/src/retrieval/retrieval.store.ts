import type { Pool } from '@dcp/node-kit';

const COUNT = `
  insert into retrieval_attempts as known (user_hash, since, count) values ($1, $2, 1)
  on conflict (user_hash) do update set
    since = case when known.since <= $3 then $2 else known.since end,
    count = case when known.since <= $3 then 1 else known.count + 1 end
  returning count, since`;

/** Tries by account, counted for all replicas together. */
export class RetrievalStore {
  constructor(private readonly pool: Pool) {}

  /** Counts one more try; a window that began before `windowStart` begins anew. */
  async count(userHash: Uint8Array, now: Date, windowStart: Date): Promise<{ count: number; since: Date }> {
    const { rows } = await this.pool.query<{ count: number; since: Date }>(COUNT, [userHash, now, windowStart]);
    return rows[0] ?? { count: 1, since: now };
  }
}
