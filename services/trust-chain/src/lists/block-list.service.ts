import type { BlockedId, ForeseenChange, ImportReport, Session } from '@dcp/contracts';
import type { Clock, Pool, PoolClient } from '@dcp/node-kit';
import { blockedSubject, type DecisionAction, nodeIdField, parseWith, textUpTo } from '@dcp/protocol';
import { z } from 'zod';
import { requireAdmin } from '../admin.js';
import type { DecisionService } from '../decisions/decision.service.js';
import type { StandingStore } from '../decisions/standing.store.js';

/** Ids of one import: the answer names them all, and fits into one bus message. */
export const MAX_IMPORT = 5_000;
const CHANGES = 1_000;

const importFields = z.object({
  ids: z.array(z.string().min(1).max(120)).min(1).max(MAX_IMPORT),
  dry_run: z.boolean(),
  note: textUpTo(500).optional(),
});

const SPARED = `select target from overrides where rule = 'never' and target = any($1)`;
const BLOCKED_NODES = `select node_id from effective_levels where level = 'blocked' and node_id = any($1)`;
const FORESEEN = `
  select d.target, d.action, d.issuer from decisions d
  where d.issuer = $1 and d.status in ('pending', 'ignored') and d.action <> 'flag_content' and d.lifted_at is null
    and (d.expires is null or d.expires > $2) and d.target <> $3
    and not exists (select 1 from overrides o where o.target = d.target)
  order by d.number limit ${CHANGES + 1}`;

export interface BlockListParts {
  pool: Pool;
  standings: StandingStore;
  decisions: DecisionService;
  clock: Clock;
  ownNode: string;
}

/** Block lists: plain lists of user ids and node ids, as operators pass them on. */
export class BlockListService {
  constructor(private readonly parts: BlockListParts) {}

  /** Each id becomes a decision of this node, unless it is blocked already. A dry run only says so. */
  async import(
    session: Session,
    value: { ids: string[]; dry_run: boolean; note?: string | undefined },
  ): Promise<ImportReport> {
    requireAdmin(session);
    const { ids, dry_run, note } = parseWith(importFields, value);
    const report = { ...(await this.#sorted(session, [...new Set(ids)])), dry_run };
    if (dry_run || report.added.length === 0) return report;
    const timestamp = new Date(this.parts.clock.now()).toISOString();
    const evidence = { type: 'block-list', messages: [], timestamp };
    const { decisions } = this.parts;
    const drafts = report.added.map((target) =>
      decisions.draftOf({ action: actionFor(target), target, evidence, ...(note === undefined ? {} : { note }) }),
    );
    await decisions.record(session.user_id, drafts);
    return report;
  }

  async export(session: Session, after = ''): Promise<{ blocked: BlockedId[]; next?: string }> {
    requireAdmin(session);
    const { standings, clock } = this.parts;
    return standings.blocked(parseWith(z.string().max(120), after), clock.now());
  }

  /** What a node's decisions would change here if they were applied. */
  async preview(session: Session, nodeId: string): Promise<{ changes: ForeseenChange[]; has_more: boolean }> {
    requireAdmin(session);
    const { pool, clock, ownNode } = this.parts;
    const values = [parseWith(nodeIdField, nodeId), new Date(clock.now()), ownNode];
    const { rows } = await pool.query<ForeseenChange>(FORESEEN, values);
    return { changes: rows.slice(0, CHANGES), has_more: rows.length > CHANGES };
  }

  async #sorted({ user_id }: Session, ids: string[]): Promise<Pick<ImportReport, 'added' | 'present' | 'refused'>> {
    const { pool, ownNode } = this.parts;
    const spared = await column(pool, SPARED, 'target', ids);
    const refused = ids.filter(
      (id) => blockedSubject(id) === undefined || spared.has(id) || id === ownNode || id === user_id,
    );
    const unwanted = new Set(refused);
    const wanted = ids.filter((id) => !unwanted.has(id));
    const blocked = await this.#blocked(wanted);
    return {
      added: wanted.filter((id) => !blocked.has(id)),
      present: wanted.filter((id) => blocked.has(id)),
      refused,
    };
  }

  /** Of these ids, those that are blocked without an end. */
  async #blocked(ids: string[]): Promise<Set<string>> {
    const { pool, standings, clock } = this.parts;
    const users = ids.filter((id) => blockedSubject(id) === 'user');
    const nodes = await column(pool, BLOCKED_NODES, 'node_id', ids);
    const banned = (await standings.of(users, clock.now())).filter(({ banned_until }) => banned_until === null);
    return new Set([...nodes, ...banned.map(({ user_id }) => user_id)]);
  }
}

function actionFor(id: string): DecisionAction {
  return blockedSubject(id) === 'node' ? 'block_node' : 'ban_user';
}

async function column(client: Pool | PoolClient, text: string, name: string, ids: string[]): Promise<Set<string>> {
  const { rows } = await client.query<Record<string, string>>(text, [ids]);
  return new Set(rows.flatMap((row) => row[name] ?? []));
}
