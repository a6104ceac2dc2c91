import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import type { DeviceReference } from '@dcp/protocol';

/** Queues that one transaction locks. */
const CHUNK = 500;

const REVOKE = `
  insert into devices (user_id, device, epoch, revoked_at) values ($1, $2, 0, $3)
  on conflict (user_id, device) do update set revoked_at = coalesce(devices.revoked_at, excluded.revoked_at)`;
const OF_DEVICE = ['prekeys', 'queues', 'claim_counts'];

const SENT_TO = `
  select q.user_id, q.device from queues q where exists (
    select 1 from queue_items i where i.user_id = q.user_id and i.device = q.device and i.from_user = $1)
  order by q.user_id, q.device limit ${CHUNK} for update`;
const UNSEND = `
  with gone as (
    delete from queue_items i using unnest($2::text[], $3::text[]) as t (user_id, device)
    where i.user_id = t.user_id and i.device = t.device and i.from_user = $1
    returning i.user_id, i.device, octet_length(i.body) as size),
  sums as (select user_id, device, count(*) as items, sum(size) as bytes from gone group by user_id, device)
  update queues q set items = q.items - s.items, bytes = q.bytes - s.bytes from sums s
  where q.user_id = s.user_id and q.device = s.device`;

/** What goes with a device or with an account. All of it may be repeated. */
export class ForgetStore {
  constructor(private readonly pool: Pool) {}

  /** Leaves a tombstone, so that a publish that is still under way cannot bring the device back. */
  revokeDevice({ user_id, device }: DeviceReference, now: Date): Promise<void> {
    return withTransaction(this.pool, async (client) => {
      await client.query(REVOKE, [user_id, device, now]);
      for (const table of OF_DEVICE)
        await client.query(`delete from ${table} where user_id = $1 and device = $2`, [user_id, device]);
    });
  }

  /** Rows of the user, also those that wait for others. */
  async forgetUser(userId: string): Promise<number> {
    let deleted = await withTransaction(this.pool, (client) => forgetOwn(client, userId));
    for (let round = CHUNK; round === CHUNK;) {
      // Each chunk its own transaction: others wait for the locks.
      round = await withTransaction(this.pool, (client) => unsend(client, userId));
      deleted += round;
    }
    return deleted;
  }
}

async function forgetOwn(client: PoolClient, userId: string): Promise<number> {
  // In the order in which publishing and sending lock them.
  for (const table of ['devices', 'queues'])
    await client.query(`select 1 from ${table} where user_id = $1 order by device for update`, [userId]);
  const statements = [
    'delete from claim_counts where user_id = $1 or claimer = $1',
    'delete from taken_items where from_user = $1',
    'delete from prekeys where user_id = $1',
    'delete from queue_items where user_id = $1',
    'delete from queues where user_id = $1',
    'delete from devices where user_id = $1',
    `with gone as (delete from outgoing_items where from_user = $1 returning node_id, octet_length(body) as size),
       sums as (select node_id, count(*) as items, sum(size) as bytes from gone group by node_id)
     update outgoing_nodes n set items = n.items - s.items, bytes = n.bytes - s.bytes from sums s where n.node_id = s.node_id`,
    'delete from backup_records where user_id = $1',
    'delete from backups where user_id = $1',
  ];
  let deleted = 0;
  for (const statement of statements) deleted += (await client.query(statement, [userId])).rowCount ?? 0;
  return deleted;
}

/** Takes back what waits for others. Returns how many queues that were. */
async function unsend(client: PoolClient, userId: string): Promise<number> {
  const { rows } = await client.query<DeviceReference>(SENT_TO, [userId]);
  if (rows.length === 0) return 0;
  const columns = [rows.map((row) => row.user_id), rows.map((row) => row.device)];
  await client.query(UNSEND, [userId, ...columns]);
  return rows.length;
}
