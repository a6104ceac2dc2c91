import type { Decision, DecisionStatus, ProvenMessage } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { type DecisionAction, messageProof, type TrustEvidence } from '@dcp/protocol';
import type { PrismaClient } from '../database.js';
import { openProof } from '../reports/message-proof.js';

/** Each has up to 8 KiB, and an appeal and what was proven of as much: a page fits into one bus message. */
const DECISIONS_PAGE = 30;
const MAX_SHOWN_BYTES = 8 * 1024;

export interface DecisionQuery {
  status?: DecisionStatus | undefined;
  target?: string | undefined;
  issuer?: string | undefined;
  /** `number` of the last one of the page before. */
  after?: string | undefined;
}

type Row = NonNullable<Awaited<ReturnType<PrismaClient['decision']['findUnique']>>>;

/** Decisions as administrators see them: who decided what, on which evidence, and what became of it. */
export class DecisionReader {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly clock: Clock,
  ) {}

  async find(id: string): Promise<Decision | undefined> {
    const row = await this.prisma.decision.findUnique({ where: { id } });
    return row === null ? undefined : (await this.#shown([row]))[0];
  }

  /** Newest first. */
  async list({ status, target, issuer, after }: DecisionQuery): Promise<{ decisions: Decision[]; next?: string }> {
    const rows = await this.prisma.decision.findMany({
      where: {
        ...(status === undefined ? {} : { status }),
        ...(target === undefined ? {} : { target }),
        ...(issuer === undefined ? {} : { issuer }),
        ...(after === undefined ? {} : { number: { lt: BigInt(after) } }),
        // What its issuer took back needs nobody's verdict.
        ...(status === 'pending' ? { liftedAt: null } : {}),
      },
      orderBy: { number: 'desc' },
      take: DECISIONS_PAGE,
    });
    const decisions = await this.#shown(rows);
    const last = rows.at(-1);
    return rows.length < DECISIONS_PAGE || last === undefined
      ? { decisions }
      : { decisions, next: String(last.number) };
  }

  async #shown(rows: Row[]): Promise<Decision[]> {
    const targets = [...new Set(rows.map(({ target }) => target))];
    const overrides = await this.prisma.override.findMany({ where: { target: { in: targets }, rule: 'never' } });
    const spared = new Set(overrides.map(({ target }) => target));
    return rows.map((row) => shown(row, spared.has(row.target), this.clock.now()));
  }
}

function shown(row: Row, spared: boolean, now: number): Decision {
  const evidence = row.evidence === null ? null : (JSON.parse(row.evidence) as TrustEvidence);
  const over = row.liftedAt !== null || (row.expires !== null && row.expires.getTime() <= now);
  return {
    id: row.id,
    issuer: row.issuer,
    seq: row.seq,
    action: row.action as DecisionAction,
    target: row.target,
    per_minute: row.perMinute,
    issued: row.issued.toISOString(),
    expires: row.expires?.toISOString() ?? null,
    evidence,
    evidence_verified: row.proof === null || row.proof === 'waiting' ? null : row.proof === 'verified',
    proven: row.proof === 'verified' ? provenBy(evidence?.['proof']) : null,
    note: row.note,
    by: row.byUser,
    verified: row.verified,
    status: row.status as DecisionStatus,
    judged_by: row.judgedBy,
    appeal: row.appeal,
    lifted_at: row.liftedAt?.toISOString() ?? null,
    in_force: row.status === 'applied' && !over && !spared,
  };
}

/** Of a proof whose signature was verified. */
function provenBy(value: unknown): ProvenMessage | null {
  const proof = messageProof.safeParse(value);
  if (!proof.success) return null;
  const { author, channel_id, id: message_id, timestamp, type } = proof.data.message;
  const proven = openProof(proof.data);
  if (!('content' in proven)) return null;
  const isShort = Buffer.byteLength(JSON.stringify(proven.content)) <= MAX_SHOWN_BYTES;
  return { author, channel_id, message_id, timestamp, type, content: isShort ? proven.content : null };
}
