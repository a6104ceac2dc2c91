import type { Session, TrustLogSummary, TrustProof } from '@dcp/contracts';
import { parseWith, type TrustHead } from '@dcp/protocol';
import { z } from 'zod';
import { requireAdmin } from '../admin.js';
import type { PrismaClient } from '../database.js';
import type { OwnLogService } from './own-log.service.js';

const PAGE = 200;

/** Logs as administrators see them. */
export class LogReader {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly ownLog: OwnLogService,
    private readonly ownNode: string,
  ) {}

  async list(session: Session, after = ''): Promise<{ logs: TrustLogSummary[]; next?: string }> {
    requireAdmin(session);
    const where = { issuer: { gt: parseWith(z.string().max(8), after) } };
    const rows = await this.prisma.log.findMany({ where, orderBy: { issuer: 'asc' }, take: PAGE });
    const own = await this.ownLog.head();
    const logs = rows.map(({ issuer, size, head, state, fault, checkedAt }): TrustLogSummary => {
      const signed = head === null ? null : (JSON.parse(head) as TrustHead);
      return {
        issuer,
        size,
        head: issuer === this.ownNode ? own : signed,
        state: state === 'forked' ? 'forked' : 'ok',
        fault,
        checked_at: checkedAt?.toISOString() ?? null,
      };
    });
    const last = logs.at(-1);
    return rows.length < PAGE || last === undefined ? { logs } : { logs, next: last.issuer };
  }

  async proof(session: Session, seq: number): Promise<TrustProof> {
    requireAdmin(session);
    return this.ownLog.proof(
      parseWith(
        z
          .number()
          .int()
          .min(1)
          .max(2 ** 31 - 1),
        seq,
      ),
    );
  }
}
