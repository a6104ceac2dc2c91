import { fromHex, toHex } from '@dcp/crypto';
import type { Pool, PoolClient } from '@dcp/node-kit';
import { canonicalJson, MAX_TRUST_PAGE, MAX_TRUST_PAGE_BYTES, type TrustEntry, type TrustHead } from '@dcp/protocol';
import { EMPTY_LOG, type LogPosition, type LogRow } from './log-position.js';

const ADD_LOG = 'insert into logs (issuer) values ($1) on conflict do nothing';
const LOG = 'select size, last_hash, peaks, head, state from logs where issuer = $1';
const APPEND = `
  insert into entries (issuer, generation, seq, hash, leaf_hash, body, received_at)
  select $1, l.generation, t.seq, t.hash, t.leaf_hash, t.body, $2
  from logs l, unnest($3::integer[], $4::text[], $5::bytea[], $6::text[]) as t (seq, hash, leaf_hash, body)
  where l.issuer = $1 order by t.seq`;
const MOVE = 'update logs set size = $2, last_hash = $3, peaks = $4 where issuer = $1';
/** What was held before the log was read anew is no part of it any more. */
const PRESENT = 'issuer = $1 and generation = (select generation from logs where issuer = $1)';
const PAGE = `
  with candidates as (
    select seq, body, sum(octet_length(body)) over (order by seq) as total from entries
    where ${PRESENT} and seq > $2 and seq <= $3 order by seq limit ${MAX_TRUST_PAGE})
  select body from candidates where total <= ${MAX_TRUST_PAGE_BYTES} or seq = $2 + 1 order by seq`;
const LEAVES = `select leaf_hash from entries where ${PRESENT} and seq > $2 order by seq limit 10000`;
const CLAIM = `
  update logs set checked_at = $2
  where issuer = $1 and (checked_at is null or checked_at <= case when fault is null then $3::timestamptz else $4::timestamptz end)`;
const RESTART = `
  update logs set generation = generation + 1, size = 0, last_hash = null, peaks = '{}', head = null, state = 'ok', fault = null
  where issuer = $1`;

interface LogColumns {
  size: number;
  last_hash: string | null;
  peaks: string[];
  head: string | null;
  state: 'ok' | 'forked';
}

/** A log as it is held here. */
export interface HeldLog {
  position: LogPosition;
  head: TrustHead | null;
  state: 'ok' | 'forked';
}

/** Logs and their entries, this node's and others'. What is in is never changed. */
export class LogStore {
  constructor(private readonly pool: Pool) {}

  async find(issuer: string): Promise<HeldLog> {
    return heldOf((await this.pool.query<LogColumns>(LOG, [issuer])).rows[0]);
  }

  /** Everybody else who appends waits until the transaction ends. */
  async lock(client: PoolClient, issuer: string): Promise<HeldLog> {
    await client.query(ADD_LOG, [issuer]);
    return heldOf((await client.query<LogColumns>(`${LOG} for update`, [issuer])).rows[0]);
  }

  /** The log must be locked, and `position` be the one after the last row. */
  async append(client: PoolClient, issuer: string, rows: LogRow[], position: LogPosition, now: Date): Promise<void> {
    const columns = [
      rows.map(({ entry }) => entry.seq),
      rows.map(({ hash }) => hash),
      rows.map(({ leafHash }) => Buffer.from(leafHash)),
      rows.map(({ body }) => body),
    ];
    await client.query({ name: 'append_entries', text: APPEND, values: [issuer, now, ...columns] });
    const { frontier, lastHash } = position;
    await client.query(MOVE, [issuer, frontier.size, lastHash, frontier.peaks.map(toHex)]);
  }

  /** The log will be read from its beginning; it must be locked. */
  async restart(client: PoolClient, issuer: string): Promise<void> {
    await client.query(RESTART, [issuer]);
  }

  /** Entries `after < seq <= upTo`, as many as fit into one answer. */
  async page(issuer: string, after: number, upTo: number): Promise<TrustEntry[]> {
    const { rows } = await this.pool.query<{ body: string }>(PAGE, [issuer, after, upTo]);
    return rows.map(({ body }) => JSON.parse(body) as TrustEntry);
  }

  async leafHashes(issuer: string, after: number): Promise<Uint8Array[]> {
    const { rows } = await this.pool.query<{ leaf_hash: Buffer }>(LEAVES, [issuer, after]);
    return rows.map(({ leaf_hash }) => new Uint8Array(leaf_hash));
  }

  /** Whether it is this replica's turn to ask for the log: nobody did so since `before`, or since `retryBefore` where that failed. */
  async claimCheck(issuer: string, now: Date, before: Date, retryBefore: Date): Promise<boolean> {
    await this.pool.query(ADD_LOG, [issuer]);
    const { rowCount } = await this.pool.query(CLAIM, [issuer, now, before, retryBefore]);
    return rowCount === 1;
  }

  /** The log was asked for, and is held up to this head. */
  async confirm(issuer: string, head: TrustHead, now: Date): Promise<void> {
    await this.pool.query('update logs set head = $2, fault = null, checked_at = $3 where issuer = $1', [
      issuer,
      canonicalJson(head),
      now,
    ]);
  }

  async fail(issuer: string, fault: string, now: Date, forked = false): Promise<void> {
    await this.pool.query(
      `update logs set fault = $2, checked_at = $3, state = case when $4 then 'forked' else state end where issuer = $1`,
      [issuer, fault, now, forked],
    );
  }
}

function heldOf(row: LogColumns | undefined): HeldLog {
  if (row === undefined) return { position: EMPTY_LOG, head: null, state: 'ok' };
  const { size, last_hash: lastHash, peaks, head, state } = row;
  const frontier = { size, peaks: peaks.map(fromHex) };
  return { position: { lastHash, frontier }, head: head === null ? null : (JSON.parse(head) as TrustHead), state };
}
