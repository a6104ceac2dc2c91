import type { ReportFault, ReportQuery } from '@dcp/contracts';
import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';

/** A message and its content have up to 64 KiB each way: a page fits into one bus message. */
export const REPORTS_PAGE = 10;

const COLUMNS = `id, number, reporter, channel_id, message_id, author, timestamp, type, reason, note, message, message_key,
  verified, fault, reported, closed, closed_by, decision`;
const OPEN = `
  select id, verified, fault from reports where reporter = $1 and channel_id = $2 and message_id = $3 and closed is null`;
const INSERT = `
  insert into reports (id, reporter, channel_id, message_id, author, timestamp, type, reason, note, message, message_key, verified,
    fault, reported)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`;
const REPLACE = `
  update reports set author = $2, timestamp = $3, type = $4, reason = $5, note = $6, message = $7, message_key = $8, verified = $9,
    fault = $10 where id = $1`;
const LIST = `
  select ${COLUMNS} from reports
  where (closed is null) = $1 and ($2::text is null or author = $2) and ($3::bigint is null or number < $3)
  order by number desc limit ${REPORTS_PAGE}`;
const CLOSE = `
  update reports set closed = $2, closed_by = $3, decision = $4, message = null, message_key = null
  where id = any($1) and closed is null returning id`;
/** Closed ones hold nothing that anybody waits for. */
const MAKE_ROOM =
  'delete from reports where id in (select id from reports where closed is not null order by number limit 100)';
const FORGET = `
  delete from reports where id in (select id from reports where reported <= $1 order by reported limit 1000 for update skip locked)`;
/** Two that come at once must not both take the last place. */
const LOCK = "select pg_advisory_xact_lock(hashtextextended('trust_chain.reports', 0))";

export interface ReportRow {
  id: string;
  number: string;
  reporter: string;
  channel_id: string;
  message_id: string;
  author: string;
  timestamp: string;
  type: string;
  reason: string;
  note: string | null;
  message: string | null;
  message_key: string | null;
  verified: boolean;
  fault: ReportFault | null;
  reported: Date;
  closed: Date | null;
  closed_by: string | null;
  decision: string | null;
}

export type NewReport = Omit<ReportRow, 'number' | 'closed' | 'closed_by' | 'decision'>;
export type Receipt = Pick<ReportRow, 'id' | 'verified' | 'fault'>;

export interface Limits {
  /** Open ones of one reporter. */
  open: number;
  /** All of them. */
  all: number;
}

/** Reports of messages. Their contents go when they are closed, and all of it after its time. */
export class ReportStore {
  constructor(private readonly pool: Pool) {}

  async findOpen(reporter: string, channelId: string, messageId: string): Promise<Receipt | undefined> {
    return (await this.pool.query<Receipt>(OPEN, [reporter, channelId, messageId])).rows[0];
  }

  async countOpen(reporter: string, client: Pool | PoolClient = this.pool): Promise<number> {
    const text = 'select count(*)::int as n from reports where reporter = $1 and closed is null';
    return (await client.query<{ n: number }>(text, [reporter])).rows[0]?.n ?? 0;
  }

  /** In the place of an open one about the same message, unless that one is verified. A word when there is no room. */
  add(report: NewReport, limits: Limits): Promise<Receipt | 'too_many_reports' | 'reports_full'> {
    return withTransaction(this.pool, async (client) => {
      await client.query(LOCK);
      const { reporter, channel_id, message_id } = report;
      const known = (await client.query<Receipt>(OPEN, [reporter, channel_id, message_id])).rows[0];
      if (known !== undefined) return await replaced(client, known, report);
      if ((await this.countOpen(reporter, client)) >= limits.open) return 'too_many_reports';
      if (!(await hasRoom(client, limits.all))) return 'reports_full';
      await client.query(INSERT, [report.id, reporter, channel_id, message_id, ...contents(report), report.reported]);
      return { id: report.id, verified: report.verified, fault: report.fault };
    });
  }

  async find(ids: readonly string[]): Promise<ReportRow[]> {
    return (await this.pool.query<ReportRow>(`select ${COLUMNS} from reports where id = any($1)`, [ids])).rows;
  }

  /** Newest first. `after`: the `number` of the last one of the page before. */
  async list({ state, author, after }: ReportQuery): Promise<ReportRow[]> {
    const values = [state === 'open', author ?? null, after ?? null];
    return (await this.pool.query<ReportRow>(LIST, values)).rows;
  }

  /** Those that were open. */
  async close(ids: readonly string[], by: string, decision: string | null, now: Date): Promise<string[]> {
    return (await this.pool.query<{ id: string }>(CLOSE, [ids, now, by, decision])).rows.map(({ id }) => id);
  }

  async forget(before: Date): Promise<void> {
    await this.pool.query(FORGET, [before]);
  }
}

function contents({ author, timestamp, type, reason, note, message, message_key, verified, fault }: NewReport) {
  return [author, timestamp, type, reason, note, message, message_key, verified, fault];
}

async function replaced(client: PoolClient, known: Receipt, report: NewReport): Promise<Receipt> {
  if (known.verified) return known;
  await client.query(REPLACE, [known.id, ...contents(report)]);
  return { id: known.id, verified: report.verified, fault: report.fault };
}

async function hasRoom(client: PoolClient, most: number): Promise<boolean> {
  const { rows } = await client.query<{ n: number }>('select count(*)::int as n from reports');
  if ((rows[0]?.n ?? 0) < most) return true;
  return ((await client.query(MAKE_ROOM)).rowCount ?? 0) > 0;
}
