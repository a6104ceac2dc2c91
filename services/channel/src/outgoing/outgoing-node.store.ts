import type { Pool, PoolClient } from '@dcp/node-kit';

/** Nodes that one instance takes on at a time. */
const MAX_CLAIMED = 8;
/** After this an instance that has not said it is at work is taken for dead. */
const LEASE_MS = 5_000;
/** How often it says so. */
export const RENEW_MS = 1_500;

/** In the order of ids, so that two transactions never wait for each other in a circle. */
const DUE = `
  insert into outgoing_nodes (node_id, next_at, leased_until)
  select distinct node_id, $2::timestamptz, $2::timestamptz from unnest($1::text[]) as new (node_id) order by 1
  on conflict (node_id) do nothing`;

const CLAIM = `
  update outgoing_nodes o set leased_until = $2
  from (
    select node_id from outgoing_nodes n where next_at <= $1 and leased_until <= $1
      and (exists (select 1 from outgoing_posts p where p.node_id = n.node_id)
        or exists (select 1 from outgoing_notices w where w.node_id = n.node_id)
        or exists (select 1 from outgoing_handovers h where h.node_id = n.node_id))
    order by next_at limit ${MAX_CLAIMED} for update skip locked
  ) as due
  where o.node_id = due.node_id returning o.node_id, o.attempts`;

const RENEW = 'update outgoing_nodes set leased_until = greatest(leased_until, $2) where node_id = $1';

const RELEASE = 'update outgoing_nodes set attempts = $2, next_at = $3, leased_until = $4 where node_id = $1';
const REACHABLE = 'update outgoing_nodes set next_at = $2 where node_id = $1 and next_at > $2';

export interface ClaimedNode {
  nodeId: string;
  /** Failures since the last success. */
  attempts: number;
}

/** Nodes for which something waits have a row; one that is backing off goes on doing so. */
export async function dueAtOnce(client: Pool | PoolClient, nodeIds: string[], now: string): Promise<void> {
  await client.query(DUE, [nodeIds, now]);
}

/** When each node is tried again; a claim keeps all other instances away from it. */
export class OutgoingNodeStore {
  constructor(private readonly pool: Pool) {}

  /** Nodes that are due and for which something waits, leased to the caller. */
  async claim(now: number): Promise<ClaimedNode[]> {
    const { rows } = await this.pool.query<{ node_id: string; attempts: number }>(CLAIM, [
      new Date(now),
      new Date(now + LEASE_MS),
    ]);
    return rows.map(({ node_id, attempts }) => ({ nodeId: node_id, attempts }));
  }

  /** The caller is still at work on the node. */
  async renew(nodeId: string, now: number): Promise<void> {
    await this.pool.query(RENEW, [nodeId, new Date(now + LEASE_MS)]);
  }

  async release({ nodeId, attempts }: ClaimedNode, now: number, waitMs: number): Promise<void> {
    await this.pool.query(RELEASE, [nodeId, attempts, new Date(now + waitMs), new Date(now)]);
  }

  /** The node was heard: what waits for it need not wait for its backoff. False: nothing did. */
  async reachable(nodeId: string, now: number): Promise<boolean> {
    const { rowCount } = await this.pool.query({ name: 'reachable', text: REACHABLE, values: [nodeId, new Date(now)] });
    return rowCount !== 0;
  }
}
