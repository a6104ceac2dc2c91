import type { Pool, PoolClient } from '@dcp/node-kit';
import type { TrustLevel } from '@dcp/protocol';

const SET = `
  insert into levels (node_id, level, source, set_by, set_at) values ($1, $2, 'operator', $3, $4)
  on conflict (node_id) do update set level = excluded.level, source = 'operator', set_by = excluded.set_by, set_at = excluded.set_at`;
const FROM_FILE = `
  insert into levels (node_id, level, source, set_at)
  select t.node_id, t.level, 'file', $3 from unnest($1::text[], $2::text[]) as t (node_id, level) order by t.node_id
  on conflict (node_id) do update set level = excluded.level, set_at = excluded.set_at
  where levels.source = 'file' and levels.level <> excluded.level
  returning node_id`;
const NOT_IN_FILE = `delete from levels where source = 'file' and not node_id = any($1) returning node_id`;

/** What the operator says of other nodes. */
export class LevelStore {
  constructor(private readonly pool: Pool) {}

  async of(client: Pool | PoolClient, nodeId: string): Promise<TrustLevel> {
    const { rows } = await client.query<{ level: TrustLevel }>('select level from levels where node_id = $1', [nodeId]);
    return rows[0]?.level ?? 'unknown';
  }

  ofNow(nodeId: string): Promise<TrustLevel> {
    return this.of(this.pool, nodeId);
  }

  async set(client: PoolClient, nodeId: string, level: TrustLevel, by: string, now: Date): Promise<void> {
    await client.query(SET, [nodeId, level, by, now]);
  }

  /** Where it stands as it was set by a decision that is taken back. */
  async unblock(client: PoolClient, nodeId: string): Promise<void> {
    await client.query(`delete from levels where node_id = $1 and level = 'blocked' and source = 'operator'`, [nodeId]);
  }

  /** Makes the file's word hold for all nodes of which the operator has not spoken. Returns those whose level changed. */
  async takeFile(client: PoolClient, levels: ReadonlyMap<string, TrustLevel>, now: Date): Promise<string[]> {
    const ids = [...levels.keys()];
    const gone = await client.query<{ node_id: string }>(NOT_IN_FILE, [ids]);
    const set = await client.query<{ node_id: string }>(FROM_FILE, [ids, [...levels.values()], now]);
    return [...gone.rows, ...set.rows].map(({ node_id }) => node_id);
  }

  /** Nodes whose logs are followed here. */
  async followed(): Promise<string[]> {
    const text = `select node_id from levels where level in ('trusted', 'monitored') order by node_id`;
    return (await this.pool.query<{ node_id: string }>(text)).rows.map(({ node_id }) => node_id);
  }
}
