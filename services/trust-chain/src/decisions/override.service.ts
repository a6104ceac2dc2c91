import { type Override, OVERRIDE_RULES, type OverrideRule, type Session } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { blockedSubject, DcpError, invalidFormat, parseWith } from '@dcp/protocol';
import { z } from 'zod';
import { requireAdmin } from '../admin.js';
import type { PrismaClient } from '../database.js';
import type { Announcer } from './announcer.js';

const PAGE = 500;
const overrideFields = z.object({ target: z.string().max(120), rule: z.enum(OVERRIDE_RULES).nullable() });

/** What holds here whatever others decide, and is told to nobody. */
export class OverrideService {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly announcer: Announcer,
    private readonly clock: Clock,
  ) {}

  async list(session: Session, after = ''): Promise<{ overrides: Override[]; next?: string }> {
    requireAdmin(session);
    const where = { target: { gt: parseWith(z.string().max(120), after) } };
    const rows = await this.prisma.override.findMany({ where, orderBy: { target: 'asc' }, take: PAGE });
    const overrides = rows.map(({ target, rule, setBy, setAt }) => ({
      target,
      rule: rule as OverrideRule,
      set_by: setBy,
      set_at: setAt.toISOString(),
    }));
    const last = overrides.at(-1);
    return rows.length < PAGE || last === undefined ? { overrides } : { overrides, next: last.target };
  }

  async set(
    session: Session,
    target: string,
    rule: OverrideRule | null,
  ): Promise<{ target: string; rule: OverrideRule | null }> {
    requireAdmin(session);
    parseWith(overrideFields, { target, rule });
    const subject = blockedSubject(target);
    if (subject === undefined) throw invalidFormat('neither a user id nor a node id', 'target');
    // There is one word for that already, and it tells the links.
    if (subject === 'node' && rule === 'always') throw new DcpError('CONFLICT', { reason: 'set_its_level' });
    await this.#write(target, rule, session.user_id);
    await this.announcer.announce([target]);
    return { target, rule };
  }

  async #write(target: string, rule: OverrideRule | null, setBy: string): Promise<void> {
    if (rule === null) {
      await this.prisma.override.deleteMany({ where: { target } });
      return;
    }
    const values = { rule, setBy, setAt: new Date(this.clock.now()) };
    await this.prisma.override.upsert({ where: { target }, create: { target, ...values }, update: values });
  }
}
