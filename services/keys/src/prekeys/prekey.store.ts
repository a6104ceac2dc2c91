import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, type DeviceReference, type KeyStock, MAX_ONE_TIME_PREKEYS, type Prekey } from '@dcp/protocol';
import { differs, nameOf } from './prekey-checks.js';

export interface NewPrekey {
  kind: Prekey['kind'];
  id: number;
  /** What the device says. */
  createdAt: Date;
  /** JCS text. */
  body: string;
  /** Its SHA-256. */
  hash: Uint8Array;
}

/** The head row of a device is locked first: publishing, claiming and revoking come one after the other. */
const LOCK_DEVICE = 'select epoch, revoked_at from devices where user_id = $1 and device = $2 for update';
const ADD_DEVICE = 'insert into devices (user_id, device, epoch) values ($1, $2, $3) on conflict do nothing';
const ADD_QUEUE = 'insert into queues (user_id, device) values ($1, $2) on conflict do nothing';
const VOID_STOCK = 'delete from prekeys where user_id = $1 and device = $2';
const SET_EPOCH = 'update devices set epoch = $3 where user_id = $1 and device = $2';

const KNOWN = `
  select p.kind, p.id::text as id, p.hash from prekeys p join unnest($3::text[], $4::bigint[]) as n (kind, id) using (kind, id)
  where p.user_id = $1 and p.device = $2`;
const INSERT = `
  insert into prekeys (user_id, device, kind, id, created_at, body, hash)
  select $1, $2, n.* from unnest($3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::bytea[]) as n`;
/** The one before the newest stays: whoever was handed it writes his first message a little later. */
const PRUNE = `
  delete from prekeys p using (
    select kind, id, row_number() over (partition by kind order by created_at desc, id desc) as place
    from prekeys where user_id = $1 and device = $2 and kind in ('signed', 'kem-last-resort')) ranked
  where p.user_id = $1 and p.device = $2 and p.kind = ranked.kind and p.id = ranked.id and ranked.place > 2`;
const STOCK = `
  select count(*) filter (where kind = 'one-time')::int as one_time, count(*) filter (where kind = 'kem')::int as kem
  from prekeys where user_id = $1 and device = $2 and kind in ('one-time', 'kem') and body is not null`;

type Stock = Omit<KeyStock, 'epoch'>;

/** What devices publish. */
export class PrekeyStore {
  constructor(private readonly pool: Pool) {}

  /** All of the prekeys or none. Those that are there already with the same bytes stay as they are. */
  publish(owner: DeviceReference, epoch: number, prekeys: NewPrekey[]): Promise<KeyStock> {
    const device = [owner.user_id, owner.device];
    return withTransaction(this.pool, async (client) => {
      if (prekeys.length > 0) await client.query(ADD_DEVICE, [...device, epoch]);
      const { rows } = await client.query<{ epoch: number; revoked_at: Date | null }>(LOCK_DEVICE, device);
      const known = rows[0];
      if (known === undefined) return { epoch, one_time: 0, kem: 0 };
      if (known.revoked_at !== null) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'device_revoked' });
      await moveEpoch(client, device, known.epoch, epoch);
      await client.query(ADD_QUEUE, device);
      await insertNew(client, device, prekeys);
      const stock = await stockOf(client, device);
      if (prekeys.length > 0) checkRoom(stock);
      return { epoch, ...stock };
    });
  }
}

/** What an older epoch left behind is void: its private halves may be in two places. */
async function moveEpoch(client: PoolClient, device: string[], stored: number, asked: number): Promise<void> {
  if (asked < stored) throw new DcpError('CONFLICT', { reason: 'old_epoch', epoch: stored });
  if (asked === stored) return;
  await client.query(VOID_STOCK, device);
  await client.query(SET_EPOCH, [...device, asked]);
}

async function insertNew(client: PoolClient, device: string[], prekeys: NewPrekey[]): Promise<void> {
  if (prekeys.length === 0) return;
  const names = [prekeys.map(({ kind }) => kind), prekeys.map(({ id }) => id)];
  const { rows } = await client.query<{ kind: Prekey['kind']; id: string; hash: Buffer }>(KNOWN, [...device, ...names]);
  const hashes = new Map(rows.map((row) => [nameOf({ kind: row.kind, id: Number(row.id) }), row.hash]));
  const changed = prekeys.find((prekey) => hashes.get(nameOf(prekey))?.equals(prekey.hash) === false);
  if (changed !== undefined) throw differs(changed);
  const fresh = prekeys.filter((prekey) => !hashes.has(nameOf(prekey)));
  if (fresh.length === 0) return;
  await client.query(INSERT, [...device, ...columns(fresh)]);
  await client.query(PRUNE, device);
}

function columns(prekeys: NewPrekey[]): unknown[][] {
  return [
    prekeys.map(({ kind }) => kind),
    prekeys.map(({ id }) => id),
    prekeys.map(({ createdAt }) => createdAt),
    prekeys.map(({ body }) => body),
    prekeys.map(({ hash }) => hash),
  ];
}

async function stockOf(client: PoolClient, device: string[]): Promise<Stock> {
  const { rows } = await client.query<Stock>(STOCK, device);
  return rows[0] ?? { one_time: 0, kem: 0 };
}

/** Throws after the insert, which goes with the transaction. */
function checkRoom({ one_time, kem }: Stock): void {
  if (Math.max(one_time, kem) <= MAX_ONE_TIME_PREKEYS) return;
  throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'stock_full', max: MAX_ONE_TIME_PREKEYS });
}
