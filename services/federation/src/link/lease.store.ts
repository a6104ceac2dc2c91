import type { Pool } from '@dcp/node-kit';

/** An instance's right to keep the link to a node. `token` grows with every change of hands: an old holder's writes are told by it. */
export interface Lease {
  holder: string;
  token: number;
  /** The node that dialled the link; null while none is up. */
  dialler: string | null;
  /** How long the link has been up. */
  upMs: number | null;
}

interface Row {
  holder: string;
  token: string;
  dialler: string | null;
  up_ms: number | null;
}

const UNTIL = `now() + $3 * interval '1 millisecond'`;
const COLUMNS = `holder, token, dialler, (extract(epoch from now() - since) * 1000)::float8 as up_ms`;
const PUT = `
  insert into leases as l (peer, holder, token, until) values ($1, $2, nextval('lease_tokens'), ${UNTIL})
  on conflict (peer) do update set holder = $2, token = excluded.token, until = excluded.until, dialler = null, since = null`;
const TAKE_FREE = `${PUT} where l.until <= now() returning token`;
const TAKE = `${PUT} returning token`;

/** One row a node, on the database's own clock. */
export class LeaseStore {
  constructor(
    private readonly pool: Pool,
    readonly instance: string,
    private readonly leaseMs: number,
  ) {}

  /** The new token, or undefined when another instance has the lease. */
  async takeFree(peer: string): Promise<number | undefined> {
    const { rows } = await this.pool.query<Row>(TAKE_FREE, [peer, this.instance, this.leaseMs]);
    return rows[0] === undefined ? undefined : Number(rows[0].token);
  }

  /** Whoever has it: the other node has come to this instance. */
  async take(peer: string): Promise<number> {
    const { rows } = await this.pool.query<Row>(TAKE, [peer, this.instance, this.leaseMs]);
    return Number(rows[0]?.token);
  }

  async find(peer: string): Promise<Lease | undefined> {
    const { rows } = await this.pool.query<Row>(`select ${COLUMNS} from leases where peer = $1 and until > now()`, [
      peer,
    ]);
    const [row] = rows;
    return row && { holder: row.holder, token: Number(row.token), dialler: row.dialler, upMs: row.up_ms };
  }

  /** False when another instance has taken it meanwhile. */
  async up(peer: string, token: number, dialler: string): Promise<boolean> {
    const text = 'update leases set dialler = $3, since = now() where peer = $1 and token = $2';
    return (await this.pool.query(text, [peer, token, dialler])).rowCount === 1;
  }

  /** Says that this instance is alive; returns the nodes whose lease it still has. */
  async renew(held: readonly { peer: string; token: number }[]): Promise<Set<string>> {
    const text = `
      update leases l set until = ${UNTIL} from unnest($1::text[], $2::bigint[]) as t (peer, token)
      where l.peer = t.peer and l.token = t.token returning l.peer`;
    const columns = [held.map(({ peer }) => peer), held.map(({ token }) => token)];
    const { rows } = await this.pool.query<{ peer: string }>(text, [...columns, this.leaseMs]);
    return new Set(rows.map(({ peer }) => peer));
  }

  async release(held: readonly { peer: string; token: number }[]): Promise<void> {
    if (held.length === 0) return;
    const text = `delete from leases l using unnest($1::text[], $2::bigint[]) as t (peer, token)
      where l.peer = t.peer and l.token = t.token`;
    await this.pool.query(text, [held.map(({ peer }) => peer), held.map(({ token }) => token)]);
  }
}
