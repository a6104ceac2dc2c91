import type { DeviceLog } from '@dcp/contracts';
import { type Pool, withTransaction } from '@dcp/node-kit';
import type { DeviceEntry, MovedTo } from '@dcp/protocol';
import type { PrismaClient } from '../database.js';

export interface LogHead {
  seq: number;
  hash: string;
  /** Devices that are in the log and not revoked. */
  live: string[];
  /** Every device id that was ever added. */
  known: string[];
}

/** Decides under the lock of the account's row; what it throws leaves the log as it was. */
export type Decide = (head: LogHead | undefined) => {
  entry: DeviceEntry;
  text: string;
  hash: string;
};

const LIVE_KEY = `
  select added.signing_key from device_log added
  where added.user_id = $1 and added.device = $2 and added.action = 'add'
    and not exists (select 1 from device_log gone where gone.user_id = $1 and gone.device = $2 and gone.action = 'revoke')`;

const LOG_HEADS = `
  select a.user_id, a.public_key, m.record as moved_to,
    coalesce((select max(seq) from device_log l where l.user_id = a.user_id), 0) as head
  from accounts a join unnest($1::text[]) with ordinality as t (user_id, place) using (user_id)
  left join moves m on m.user_id = a.user_id
  where a.status <> 'pending' and (a.expires_at is null or a.expires_at > $2) order by t.place`;

/** One after the other until the bytes are used up; of each at least one entry, so that whoever asks again comes to an end. */
const LOGS = `
  with measured as (
    select l.user_id, l.seq, t.place, sum(octet_length(l.entry)) over (order by t.place, l.seq) as total,
      row_number() over (partition by l.user_id order by l.seq) as nth
    from unnest($1::text[], $2::integer[]) with ordinality as t (user_id, after, place)
    join device_log l on l.user_id = t.user_id and l.seq > t.after)
  select l.user_id, l.seq, l.entry from measured m join device_log l using (user_id, seq)
  where m.total <= $3 or m.nth = 1 order by m.place, l.seq`;

const INSERT = `
  insert into device_log (user_id, seq, device, action, signing_key, entry, hash) values ($1, $2, $3, $4, $5, $6, $7)`;

interface LogHeadRow {
  user_id: string;
  public_key: string;
  moved_to: string | null;
  head: number;
}

interface Row {
  seq: number;
  device: string;
  action: string;
  hash: string;
}

export class DeviceStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly pool: Pool,
  ) {}

  /** `ed25519:` key of a device that is in the log and not revoked. */
  async liveKey(userId: string, device: string): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ signing_key: string }>({
      name: 'live_key',
      text: LIVE_KEY,
      values: [userId, device],
    });
    return rows[0]?.signing_key;
  }

  /** At most `limit` entries of at most `bytes` in all. */
  async entries(userId: string, after: number, limit: number, bytes: number): Promise<DeviceEntry[]> {
    const rows = await this.prisma.deviceLogEntry.findMany({
      where: { userId, seq: { gt: after } },
      orderBy: { seq: 'asc' },
      take: limit,
    });
    let left = bytes;
    const page = rows.filter(({ entry }) => (left -= Buffer.byteLength(entry)) >= 0);
    return page.map(({ entry }) => JSON.parse(entry) as DeviceEntry);
  }

  /** Logs of several users, each after its `seq`; one entry of each, and more up to `bytes` in all. */
  async logs(after: ReadonlyMap<string, number>, bytes: number, now: Date): Promise<DeviceLog[]> {
    const heads = await this.pool.query<LogHeadRow>(LOG_HEADS, [[...after.keys()], now]);
    const users = heads.rows.map((row) => row.user_id);
    const values = [users, users.map((user) => after.get(user)), bytes];
    const { rows } = await this.pool.query<{ user_id: string; seq: number; entry: string }>(LOGS, values);
    const byUser = Map.groupBy(rows, (row) => row.user_id);
    return heads.rows.map(({ user_id, public_key, moved_to, head }) => {
      const own = byUser.get(user_id) ?? [];
      const last = own.at(-1)?.seq ?? after.get(user_id) ?? 0;
      const entries = own.map(({ entry }) => JSON.parse(entry) as DeviceEntry);
      const moved = moved_to === null ? {} : { moved_to: JSON.parse(moved_to) as MovedTo };
      return { user_id, public_key, entries, has_more: last < head, ...moved };
    });
  }

  /** The last entry's number and hash; 0 and nothing for a log without any. */
  async head(userId: string): Promise<{ seq: number; hash: string }> {
    const { rows } = await this.pool.query<{ seq: number; hash: string }>(
      'select seq, hash from device_log where user_id = $1 order by seq desc limit 1',
      [userId],
    );
    return rows[0] ?? { seq: 0, hash: '' };
  }

  /** One append of a user at a time. Undefined: there is no such account. */
  append(
    userId: string,
    signingKey: string | null,
    decide: Decide,
  ): Promise<{ seq: number; hash: string } | undefined> {
    return withTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query('select 1 from accounts where user_id = $1 for update', [userId]);
      if (rowCount === 0) return undefined;
      const { rows } = await client.query<Row>(
        'select seq, device, action, hash from device_log where user_id = $1 order by seq',
        [userId],
      );
      const { entry, text, hash } = decide(headOf(rows));
      await client.query(INSERT, [userId, entry.seq, entry.device, entry.action, signingKey, text, hash]);
      return { seq: entry.seq, hash };
    });
  }
}

function headOf(rows: Row[]): LogHead | undefined {
  const last = rows.at(-1);
  if (last === undefined) return undefined;
  const revoked = new Set(rows.filter(({ action }) => action === 'revoke').map(({ device }) => device));
  const known = rows.filter(({ action }) => action === 'add').map(({ device }) => device);
  return { seq: last.seq, hash: last.hash, known, live: known.filter((device) => !revoked.has(device)) };
}
