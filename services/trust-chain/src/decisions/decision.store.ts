import type { DecisionStatus } from '@dcp/contracts';
import type { Pool, PoolClient } from '@dcp/node-kit';
import type { DecisionAction, TrustEntry, TrustEvidence, TrustLevel, TrustUpdateFrame } from '@dcp/protocol';
import { automaticStatus } from './policy.js';

const INSERT = `
  insert into decisions (id, issuer, seq, action, target, per_minute, evidence, note, by_user, verified, issued, expires, status, proof,
    proof_due)
  select t.id, $1, t.seq, t.action, t.target, t.per_minute, t.evidence, t.note, t.by_user, t.verified, t.issued, t.expires, t.status, t.proof,
    case when t.proof is null then null else 'epoch'::timestamptz end
  from unnest($2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::text[], $10::boolean[],
    $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[])
    as t (id, seq, action, target, per_minute, evidence, note, by_user, verified, issued, expires, status, proof)
  on conflict do nothing`;
const LIFT = `
  update decisions set lifted_at = $3 where issuer = $1 and seq = any($2) and lifted_at is null returning target`;
const REJUDGE = `
  update decisions set status = t.status from unnest($2::text[], $3::text[]) as t (id, status)
  where decisions.id = t.id and issuer = $1`;
const AUTOMATIC = `
  select id, action, target, issuer, status from decisions
  where issuer = $1 and judged_by is null and seq is not null and id > $2 order by id limit 5000`;
const JUDGE = `
  update decisions set status = $2, judged_by = $3 where id = $1 and (issuer <> $4 or action = 'flag_content') returning target`;
const ENDED = `
  update decisions set ended_at = $1 where id in (
    select id from decisions where expires <= $1 and ended_at is null order by expires limit 1000 for update skip locked)
  returning target`;

/** A decision as it comes in, before it is known what becomes of it. */
export interface Incoming {
  id: string;
  seq: number | null;
  action: DecisionAction;
  target: string;
  per_minute: number | null;
  evidence: string | null;
  note: string | null;
  by_user: string | null;
  verified: boolean;
  issued: Date;
  expires: Date | null;
  status: DecisionStatus;
  /** The evidence has a proof, which is verified later (`reports/proof-judge.ts`). */
  proof: 'waiting' | null;
}

/** What the decisions of a node mean here. */
export interface Listening {
  level: TrustLevel;
  ownNode: string;
}

/** What became of decisions. All of it runs inside the transaction that brought or changed them. */
export class DecisionStore {
  constructor(private readonly pool: Pool) {}

  /** Entries of a log: decisions, and what takes earlier ones back. Returns the targets for which something may have changed. */
  async take(client: PoolClient, issuer: string, entries: TrustEntry[], how: Listening, now: Date): Promise<string[]> {
    await this.insert(
      client,
      issuer,
      entries.flatMap((entry) => incomingOf(entry, how) ?? []),
    );
    const lifts = entries.flatMap(({ lifts: seq }) => seq ?? []);
    const { rows } = await client.query<{ target: string }>(LIFT, [issuer, lifts, now]);
    return [...new Set([...entries.map(({ target }) => target), ...rows.map(({ target }) => target)])];
  }

  /** Those that are not there yet. */
  async insert(client: PoolClient | undefined, issuer: string, rows: Incoming[]): Promise<number> {
    const column = <K extends keyof Incoming>(name: K) => rows.map((row) => row[name]);
    const names = ['id', 'seq', 'action', 'target', 'per_minute', 'evidence', 'note', 'by_user', 'verified'] as const;
    const values = [
      issuer,
      ...names.map(column),
      column('issued'),
      column('expires'),
      column('status'),
      column('proof'),
    ];
    return (await (client ?? this.pool).query({ name: 'insert_decisions', text: INSERT, values })).rowCount ?? 0;
  }

  /** After a node's level changed: all that no administrator has spoken about. Returns the targets of what has another status now. */
  async rejudge(client: PoolClient, issuer: string, how: Listening): Promise<string[]> {
    const targets = new Set<string>();
    for (let after = ''; ;) {
      const { rows } = await client.query<AutomaticRow>(AUTOMATIC, [issuer, after]);
      const changed = rows.flatMap((row) => {
        const status = automaticStatus(row, how.level, how.ownNode);
        return status === row.status ? [] : [{ ...row, status }];
      });
      await client.query(REJUDGE, [issuer, changed.map(({ id }) => id), changed.map(({ status }) => status)]);
      for (const { target } of changed) targets.add(target);
      const last = rows.at(-1);
      if (last === undefined) return [...targets];
      after = last.id;
    }
  }

  /** What a log said that is read anew; what an administrator said to it goes too. Returns the targets. */
  async forget(client: PoolClient, issuer: string): Promise<string[]> {
    const text = 'delete from decisions where issuer = $1 and seq is not null returning target';
    return (await client.query<{ target: string }>(text, [issuer])).rows.map(({ target }) => target);
  }

  /** Undefined when there is no such decision of another node, and no such flag. */
  async judge(id: string, status: 'applied' | 'rejected', by: string, ownNode: string): Promise<string | undefined> {
    return (await this.pool.query<{ target: string }>(JUDGE, [id, status, by, ownNode])).rows[0]?.target;
  }

  async setAppeal(id: string, appeal: string | null): Promise<boolean> {
    return (await this.pool.query('update decisions set appeal = $2 where id = $1', [id, appeal])).rowCount === 1;
  }

  /** Targets of decisions that are over and of which nobody was told yet. */
  async ended(now: Date): Promise<string[]> {
    return (await this.pool.query<{ target: string }>(ENDED, [now])).rows.map(({ target }) => target);
  }

  /** Of what came outside of logs. */
  async countFrames(issuer: string): Promise<number> {
    const text = 'select count(*)::int as n from decisions where issuer = $1 and seq is null';
    return (await this.pool.query<{ n: number }>(text, [issuer])).rows[0]?.n ?? 0;
  }

  /** Frames that nobody approved. */
  async forgetFrames(before: Date): Promise<void> {
    await this.pool.query(
      `delete from decisions where id in (
        select id from decisions where seq is null and status <> 'applied' and issued <= $1 limit 1000 for update skip locked)`,
      [before],
    );
  }
}

interface AutomaticRow {
  id: string;
  action: DecisionAction;
  target: string;
  issuer: string;
  status: DecisionStatus;
}

function incomingOf(entry: TrustEntry, { level, ownNode }: Listening): Incoming | undefined {
  const { action, issuer, seq, target, per_minute, evidence, note, by, issued, expires } = entry;
  if (action === 'lift') return undefined;
  return {
    id: `${issuer}.${String(seq)}`,
    seq,
    action,
    target,
    per_minute: per_minute ?? null,
    evidence: evidence === undefined ? null : JSON.stringify(evidence),
    note: note ?? null,
    by_user: by,
    verified: true,
    issued: new Date(issued),
    expires: expires === undefined ? null : new Date(expires),
    status: automaticStatus({ action, target, issuer }, level, ownNode),
    proof: proofIn(evidence),
  };
}

/** What came as a frame waits for an administrator, whoever sent it. */
export function incomingFrame(id: string, frame: TrustUpdateFrame, verified: boolean, now: Date): Incoming {
  const { action, target, per_minute, evidence, expires, by } = frame;
  return {
    id,
    seq: null,
    action,
    target,
    per_minute: per_minute ?? null,
    evidence: JSON.stringify(evidence),
    note: null,
    by_user: verified ? (by ?? null) : null,
    verified,
    issued: now,
    expires: expires === undefined ? null : new Date(expires),
    status: 'pending',
    proof: proofIn(evidence),
  };
}

function proofIn(evidence: TrustEvidence | undefined): Incoming['proof'] {
  return evidence?.['proof'] === undefined ? null : 'waiting';
}

export function isNode(target: string): boolean {
  return !isUser(target) && !target.startsWith('msg_');
}

/** Whether a target is a user: node ids and message ids have no dot. */
export function isUser(target: string): boolean {
  return target.includes('.');
}
