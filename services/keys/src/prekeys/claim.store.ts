import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import type { DeviceReference, KeyStock, Prekey, PrekeyBundle } from '@dcp/protocol';
import { deviceColumns, deviceKey } from '../device-list.js';

export interface Claim {
  claimer: string;
  /** Each once. */
  devices: DeviceReference[];
  now: Date;
  /** A claimer's counter that began before this begins anew. */
  windowStart: Date;
  /** Bundles with one-time prekeys that he gets of a device within that time. */
  most: number;
}

/** What was handed out of a device, and what is left. `refilled`: whether the device may be told. */
export interface Claimed {
  bundle: PrekeyBundle;
  /** Null where the claimer had his share: nothing was taken. */
  stock: KeyStock | null;
}

/**
 * Devices that can be contacted at all. The lock keeps their epoch as it is until the commit; what they published is read by later
 * statements, in a snapshot that is no older.
 */
const LOCK_DEVICES = `
  select d.user_id, d.device, d.epoch from devices d join unnest($1::text[], $2::text[]) as t (user_id, device) using (user_id, device)
  where d.revoked_at is null order by d.user_id, d.device for share of d`;

const LASTING = `
  select distinct on (p.user_id, p.device, p.kind) p.user_id, p.device, p.kind, p.body
  from prekeys p join unnest($1::text[], $2::text[]) as t (user_id, device) using (user_id, device)
  where p.kind in ('signed', 'kem-last-resort') order by p.user_id, p.device, p.kind, p.created_at desc, p.id desc`;

const COUNT = `
  insert into claim_counts as known (user_id, device, claimer, since, count)
  select t.user_id, t.device, $3, $4, 1 from unnest($1::text[], $2::text[]) as t (user_id, device) order by 1, 2
  on conflict (user_id, device, claimer) do update set
    since = case when known.since <= $5 then $4 else known.since end,
    count = case when known.since <= $5 then 1 else least(known.count, $6) + 1 end
  returning user_id, device, count`;

/** Rows that another claimer holds are passed over, so two replicas never hand out the same prekey. */
const TAKE = `
  with chosen as (
    select one.* from unnest($1::text[], $2::text[]) as t (user_id, device)
    cross join (values ('one-time'), ('kem')) as wanted (kind)
    cross join lateral (
      select p.user_id, p.device, p.kind, p.id, p.body from prekeys p
      where p.user_id = t.user_id and p.device = t.device and p.kind = wanted.kind and p.body is not null
      order by p.id limit 1 for update skip locked) one)
  update prekeys p set body = null, claimed_at = $3 from chosen c
  where p.user_id = c.user_id and p.device = c.device and p.kind = c.kind and p.id = c.id
  returning c.user_id, c.device, c.kind, c.body`;

const STOCKS = `
  select t.user_id, t.device,
    count(p.id) filter (where p.kind = 'one-time')::int as one_time, count(p.id) filter (where p.kind = 'kem')::int as kem
  from unnest($1::text[], $2::text[]) as t (user_id, device)
  left join prekeys p on p.user_id = t.user_id and p.device = t.device and p.kind in ('one-time', 'kem') and p.body is not null
  group by t.user_id, t.device`;

type Row<T> = DeviceReference & T;
type Found = Row<{ kind: Prekey['kind']; body: string }>;

/** What others are handed of it. */
export class ClaimStore {
  constructor(private readonly pool: Pool) {}

  /** In any order; devices that have published nothing that a first contact can begin with are left out, and lose nothing. */
  claim(claim: Claim): Promise<Claimed[]> {
    return withTransaction(this.pool, async (client) => {
      const ask = asker(client);
      const epochs = await ask<{ epoch: number }>('lock_devices', LOCK_DEVICES, claim.devices);
      const lasting = await ask<Found>('lasting_prekeys', LASTING, epochs);
      const signed = new Set(lasting.filter(({ kind }) => kind === 'signed').map(deviceKey));
      const known = epochs.filter((device) => signed.has(deviceKey(device)));
      const counter = [claim.claimer, claim.now, claim.windowStart, claim.most];
      const counts = await ask<{ count: number }>('count_claims', COUNT, known, counter);
      const served = counts.filter(({ count }) => count <= claim.most);
      const taken = await ask<Found>('take_prekeys', TAKE, served, [claim.now]);
      const stocks = await ask<Omit<KeyStock, 'epoch'>>('stocks', STOCKS, served);
      return known.map((device) => claimedOf(device, lasting, taken, stocks));
    });
  }
}

/** A statement about some devices, prepared once a connection; nothing is asked about none. */
function asker(client: PoolClient) {
  return async <T extends object>(
    name: string,
    text: string,
    devices: DeviceReference[],
    more: unknown[] = [],
  ): Promise<Row<T>[]> => {
    if (devices.length === 0) return [];
    const { rows } = await client.query<Row<T>>({ name, text, values: [...deviceColumns(devices), ...more] });
    return rows;
  };
}

function claimedOf(
  { user_id, device, epoch }: Row<{ epoch: number }>,
  lasting: Found[],
  taken: Found[],
  stocks: Row<Omit<KeyStock, 'epoch'>>[],
): Claimed {
  const its = <T extends DeviceReference>(row: T) => row.device === device && row.user_id === user_id;
  const prekey = (kind: Prekey['kind'], from: Found[]) => {
    const row = from.find((found) => found.kind === kind && its(found));
    return row === undefined ? undefined : (JSON.parse(row.body) as Prekey);
  };
  const [oneTime, kem] = [prekey('one-time', taken), prekey('kem', taken) ?? prekey('kem-last-resort', lasting)];
  const stock = stocks.find(its);
  return {
    bundle: {
      user_id,
      device,
      epoch,
      signed: prekey('signed', lasting) as Prekey,
      ...(oneTime === undefined ? {} : { one_time: oneTime }),
      ...(kem === undefined ? {} : { kem }),
    },
    stock: stock === undefined ? null : { epoch, one_time: stock.one_time, kem: stock.kem },
  };
}
