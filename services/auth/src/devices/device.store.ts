import { type Pool, withTransaction } from '@dcp/node-kit';
import type { DeviceEntry } from '@dcp/protocol';
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

const INSERT = `
  insert into device_log (user_id, seq, device, action, signing_key, entry, hash) values ($1, $2, $3, $4, $5, $6, $7)`;

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
