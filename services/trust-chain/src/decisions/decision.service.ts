import { type Decision, DECISION_STATUSES, type DecisionStatus, type Session } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { DcpError, invalidFormat, type NewDecision, newDecision, parseWith, textUpTo } from '@dcp/protocol';
import { z } from 'zod';
import { requireAdmin } from '../admin.js';
import type { Draft, OwnLogService } from '../log/own-log.service.js';
import { evidenceOf, proofOfAny, withProof } from '../reports/cited-reports.js';
import type { ReportService } from '../reports/report.service.js';
import type { ReportRow } from '../reports/report.store.js';
import type { Announcer } from './announcer.js';
import type { DecisionReader } from './decision.reader.js';
import type { DecisionStore } from './decision.store.js';

const decisionId = z.string().min(3).max(80);
const verdict = z.object({ id: decisionId, verdict: z.enum(['approve', 'reject']) });
const appealFields = z.object({ id: decisionId, note: textUpTo(2_000).nullable() });
const listQuery = z.object({
  status: z.enum(DECISION_STATUSES).optional(),
  target: z.string().max(120).optional(),
  after: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
});

export interface DecisionParts {
  ownLog: OwnLogService;
  decisions: DecisionStore;
  reader: DecisionReader;
  reports: ReportService;
  announcer: Announcer;
  clock: Clock;
  ownNode: string;
  /** Tells the nodes that follow this one's log. */
  spread: () => void;
}

/** What administrators decide, and their word on what others decided. */
export class DecisionService {
  constructor(private readonly parts: DecisionParts) {}

  async decide(session: Session, value: NewDecision): Promise<Decision> {
    requireAdmin(session);
    const decision = parseWith(newDecision, value);
    this.#check(session, decision);
    const { reports } = this.parts;
    const cited = await reports.open(decision.reports ?? []);
    const [id = ''] = await this.record(session.user_id, [this.#draftWith(cited, decision, session.user_id)]);
    await reports.close(decision.reports ?? [], session.user_id, id);
    return this.#found(id);
  }

  /** A decision about what was reported says so, and proves it when the administrator wants that. */
  #draftWith(cited: readonly ReportRow[], decision: NewDecision, by: string): Draft {
    if (cited.length === 0 && decision.with_proof !== true) return this.draftOf(decision);
    const evidence = evidenceOf(decision, cited, new Date(this.parts.clock.now()).toISOString());
    const draft = { ...this.draftOf(decision), evidence };
    return decision.with_proof === true ? withProof(draft, proofOfAny(cited), by) : draft;
  }

  async lift(session: Session, id: string): Promise<Decision> {
    requireAdmin(session);
    const decision = await this.#found(parseWith(decisionId, id));
    const { issuer, seq, target, lifted_at } = decision;
    if (issuer !== this.parts.ownNode || seq === null) throw new DcpError('CONFLICT', { reason: 'not_ours' });
    if (lifted_at !== null) return decision;
    await this.record(session.user_id, [{ action: 'lift', target, lifts: seq }]);
    return this.#found(id);
  }

  /** Into the log, into force, and out to the others. Returns the decisions' ids. */
  async record(by: string, drafts: Draft[]): Promise<string[]> {
    const { ownLog, announcer, ownNode, spread } = this.parts;
    const { seqs, targets } = await ownLog.append(by, drafts);
    await announcer.announce(targets);
    spread();
    return seqs.map((seq) => `${ownNode}.${String(seq)}`);
  }

  draftOf({ action, target, expires, per_minute, evidence, note }: NewDecision): Draft {
    const timestamp = new Date(this.parts.clock.now()).toISOString();
    const why = evidence ?? { type: 'moderation', messages: action === 'flag_content' ? [target] : [], timestamp };
    return { action, target, expires, per_minute, evidence: why, note };
  }

  async list(
    session: Session,
    query: { status?: DecisionStatus | undefined; target?: string | undefined; after?: string | undefined },
  ): Promise<{ decisions: Decision[]; next?: string }> {
    requireAdmin(session);
    const { status, target, after } = query;
    return this.parts.reader.list(parseWith(listQuery, { status, target, after }));
  }

  async judge(session: Session, id: string, said: 'approve' | 'reject'): Promise<Decision> {
    requireAdmin(session);
    const { decisions, announcer, ownNode } = this.parts;
    parseWith(verdict, { id, verdict: said });
    const { issuer, action } = await this.#found(id);
    const status = said === 'approve' ? 'applied' : 'rejected';
    const target = await decisions.judge(id, status, session.user_id, ownNode);
    if (target === undefined) throw new DcpError('CONFLICT', { reason: 'ours', issuer, action });
    await announcer.announce([target]);
    return this.#found(id);
  }

  async appeal(session: Session, id: string, note: string | null): Promise<Decision> {
    requireAdmin(session);
    parseWith(appealFields, { id, note });
    await this.parts.decisions.setAppeal(id, note);
    return this.#found(id);
  }

  #check(session: Session, { target, expires }: NewDecision): void {
    if (target === session.user_id || target === this.parts.ownNode)
      throw new DcpError('CONFLICT', { reason: 'yourself' });
    if (expires !== undefined && Date.parse(expires) <= this.parts.clock.now())
      throw invalidFormat('is over already', 'decision.expires');
  }

  async #found(id: string): Promise<Decision> {
    const decision = await this.parts.reader.find(id);
    if (decision === undefined) throw new DcpError('MESSAGE_NOT_FOUND', { reason: 'no_such_decision' });
    return decision;
  }
}
