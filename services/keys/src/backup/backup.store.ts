import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { type BackupPage, type BackupRecord, DcpError } from '@dcp/protocol';

/** Records of one page, and the bytes of their bodies: they fit into one bus message. */
const PAGE_RECORDS = 500;
export const PAGE_BYTES = 512 * 1024;

const ADD_BACKUP = 'insert into backups (user_id) values ($1) on conflict do nothing';
const LOCK_BACKUP = 'select records, bytes::float8 as bytes from backups where user_id = $1 for update';
const KNOWN = 'select id, month, body from backup_records where user_id = $1 and id = any($2)';
const INSERT = `
  insert into backup_records (user_id, id, month, body, created_at)
  select $1, t.*, $2 from unnest($3::text[], $4::text[], $5::text[]) as t`;
const GROW = 'update backups set records = records + $2, bytes = bytes + $3 where user_id = $1';

const PAGE = `
  with candidates as (
    select id, octet_length(body) as size from backup_records
    where user_id = $1 and ($2::text is null or month = $2) and id > $3 order by id limit ${PAGE_RECORDS} + 1),
  measured as (
    select *, row_number() over (order by id) as place, sum(size) over (order by id) as total, count(*) over () as found
    from candidates)
  select r.id, r.month, r.body, m.found::int as found from measured m join backup_records r on r.user_id = $1 and r.id = m.id
  where m.place <= ${PAGE_RECORDS} and (m.total <= ${PAGE_BYTES} or m.place = 1) order by m.id`;

const FIND = `
  with measured as (
    select id, month, body, sum(octet_length(body)) over (order by id) as total
    from backup_records where user_id = $1 and id = any($2))
  select id, month, body from measured where total <= ${PAGE_BYTES} order by id`;

const DELETE = `
  with gone as (
    delete from backup_records where user_id = $1 and ($2::text is null or month = $2) returning octet_length(body) as size)
  update backups set records = records - (select count(*) from gone), bytes = bytes - (select coalesce(sum(size), 0) from gone)
  where user_id = $1 returning (select count(*) from gone)::int as deleted`;

export interface BackupLimits {
  records: number;
  bytes: number;
}

/** What a user keeps here, sealed by himself. */
export class BackupStore {
  constructor(
    private readonly pool: Pool,
    private readonly limits: BackupLimits,
  ) {}

  /** All records or none; those whose id is taken stay as they are, and are returned where they differ. */
  put(userId: string, records: BackupRecord[], now: Date): Promise<BackupRecord[]> {
    return withTransaction(this.pool, async (client) => {
      const held = await lockBackup(client, userId);
      const ids = records.map(({ id }) => id);
      const { rows } = await client.query<BackupRecord>(KNOWN, [userId, ids]);
      const known = new Map(rows.map((row) => [row.id, row]));
      const fresh = records.filter(({ id }) => !known.has(id));
      this.#checkRoom(held, fresh);
      if (fresh.length > 0) await insert(client, userId, fresh, now);
      return keptOf(records, known);
    });
  }

  /** By id. */
  async page(userId: string, month: string | undefined, after: string): Promise<BackupPage> {
    const values = [userId, month ?? null, after];
    const { rows } = await this.pool.query<BackupRecord & { found: number }>({
      name: 'backup_page',
      text: PAGE,
      values,
    });
    const more = (rows[0]?.found ?? 0) > rows.length;
    const records = rows.map(({ id, month: its, body }) => ({ id, month: its, body }));
    return { records, next: more ? (records.at(-1)?.id ?? null) : null };
  }

  /** By name; none of them is missing for want of room unless the page is full. */
  async find(userId: string, ids: readonly string[]): Promise<BackupPage> {
    const { rows } = await this.pool.query<BackupRecord>({ name: 'backup_find', text: FIND, values: [userId, ids] });
    return { records: rows, next: null };
  }

  remove(userId: string, month: string | undefined): Promise<number> {
    return withTransaction(this.pool, async (client) => {
      await client.query(LOCK_BACKUP, [userId]);
      const { rows } = await client.query<{ deleted: number }>(DELETE, [userId, month ?? null]);
      return rows[0]?.deleted ?? 0;
    });
  }

  #checkRoom(held: BackupLimits, fresh: BackupRecord[]): void {
    const full = held.records + fresh.length > this.limits.records || held.bytes + bytesOf(fresh) > this.limits.bytes;
    if (!full || fresh.length === 0) return;
    const { records: max_records, bytes: max_bytes } = this.limits;
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'backup_full', max_records, max_bytes });
  }
}

async function lockBackup(client: PoolClient, userId: string): Promise<BackupLimits> {
  await client.query(ADD_BACKUP, [userId]);
  const { rows } = await client.query<BackupLimits>(LOCK_BACKUP, [userId]);
  if (rows[0] === undefined) throw new DcpError('MAINTENANCE_MODE', { reason: 'account_removed' });
  return rows[0];
}

async function insert(client: PoolClient, userId: string, fresh: BackupRecord[], now: Date): Promise<void> {
  const columns = [fresh.map(({ id }) => id), fresh.map(({ month }) => month), fresh.map(({ body }) => body)];
  await client.query({ name: 'insert_records', text: INSERT, values: [userId, now, ...columns] });
  await client.query(GROW, [userId, fresh.length, bytesOf(fresh)]);
}

function keptOf(records: BackupRecord[], known: ReadonlyMap<string, BackupRecord>): BackupRecord[] {
  const kept = records.flatMap(({ id, month, body }) => {
    const there = known.get(id);
    return there === undefined || (there.body === body && there.month === month) ? [] : [there];
  });
  // They would not fit into the answer: nothing is stored, the caller splits.
  if (bytesOf(kept) > PAGE_BYTES) throw new DcpError('MESSAGE_TOO_LARGE', { reason: 'kept', max_size: PAGE_BYTES });
  return kept;
}

/** Base64: as many bytes as characters. */
export function bytesOf(records: BackupRecord[]): number {
  return records.reduce((sum, { body }) => sum + body.length, 0);
}
