import type { Pool } from '@dcp/node-kit';

const USE = 'insert into used_challenges (hash, expires_at) values ($1, $2) on conflict do nothing';

/** What is good once: its hash under a unique key decides, on whatever replica it is used. */
export class UsedStore {
  constructor(private readonly pool: Pool) {}

  /** False when it was used before. */
  async use(hash: Uint8Array, expires: number): Promise<boolean> {
    const { rowCount } = await this.pool.query({ name: 'use_challenge', text: USE, values: [hash, new Date(expires)] });
    return rowCount === 1;
  }
}
