import type { BlockedId, NodeLevel, OverrideRule, UserStanding } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import type { TrustLevel } from '@dcp/protocol';
import { type ActiveDecision, standingOf } from './standing.js';

/** Of one page: an answer of about 100 KiB. */
const PAGE = 1_000;

const ACTIVE = `
  select target, action, per_minute, expires from decisions
  where target = any($1) and status = 'applied' and lifted_at is null and action in ('ban_user', 'temp_ban_user', 'rate_limit_user')`;
const RULES = 'select target, rule from overrides where target = any($1)';
/** User ids have a dot. */
const CONCERNED = `
  select target from (
    select target from decisions
    where status = 'applied' and lifted_at is null and action in ('ban_user', 'temp_ban_user', 'rate_limit_user')
      and (expires is null or expires > $1) and target > $2
    union select target from overrides where rule = 'always' and target > $2 and position('.' in target) > 0) as concerned
  order by target limit ${PAGE}`;
const LEVELS = 'select node_id, level from effective_levels where node_id > $1 order by node_id limit $2';

/** What holds now, computed from decisions and overrides: nothing else is kept of it. */
export class StandingStore {
  constructor(private readonly pool: Pool) {}

  /** One standing for each user, in their order. */
  async of(users: readonly string[], now: number): Promise<UserStanding[]> {
    const active = await this.pool.query<ActiveDecision & { target: string }>({
      name: 'active_decisions',
      text: ACTIVE,
      values: [users],
    });
    const { rows } = await this.pool.query<{ target: string; rule: OverrideRule }>(RULES, [users]);
    const rules = new Map(rows.map(({ target, rule }) => [target, rule]));
    const decisions = Map.groupBy(active.rows, ({ target }) => target);
    return users.map((user) => standingOf(user, decisions.get(user) ?? [], rules.get(user), now));
  }

  async page(after: string, now: number): Promise<{ standings: UserStanding[]; next?: string }> {
    const { rows } = await this.pool.query<{ target: string }>(CONCERNED, [new Date(now), after]);
    const users = rows.map(({ target }) => target);
    const standings = (await this.of(users, now)).filter(holds);
    return withNext({ standings }, users);
  }

  async levelOf(nodeId: string): Promise<TrustLevel> {
    const text = 'select level from effective_levels where node_id = $1';
    return (await this.pool.query<{ level: TrustLevel }>(text, [nodeId])).rows[0]?.level ?? 'unknown';
  }

  async levels(after: string): Promise<{ levels: NodeLevel[]; next?: string }> {
    const { rows } = await this.pool.query<NodeLevel>(LEVELS, [after, PAGE]);
    return withNext(
      { levels: rows },
      rows.map(({ node_id }) => node_id),
    );
  }

  /** Blocked nodes and banned users, in the order of their ids. */
  async blocked(after: string, now: number): Promise<{ blocked: BlockedId[]; next?: string }> {
    const users = await this.page(after, now);
    const { rows } = await this.pool.query<NodeLevel>(
      `select node_id, level from effective_levels where level = 'blocked' and node_id > $1 order by node_id limit ${PAGE}`,
      [after],
    );
    const banned = users.standings.flatMap(({ user_id: id, banned_until: until }) =>
      until === undefined ? [] : [{ id, until }],
    );
    const nodes = rows.map(({ node_id: id }) => ({ id, until: null }));
    // Both lists end somewhere: what lies behind the first of their ends belongs to the next page.
    const ends = [users.next, rows.length === PAGE ? rows.at(-1)?.node_id : undefined].filter((id) => id !== undefined);
    const [end] = ends.sort();
    const blocked = [...nodes, ...banned].sort((a, b) => (a.id < b.id ? -1 : 1));
    if (end === undefined) return { blocked };
    return { blocked: blocked.filter(({ id }) => id <= end), next: end };
  }
}

function withNext<T extends object>(page: T, ids: readonly string[]): T & { next?: string } {
  const last = ids.at(-1);
  return ids.length < PAGE || last === undefined ? page : { ...page, next: last };
}

export function holds({ banned_until, rate }: UserStanding): boolean {
  return banned_until !== undefined || rate !== undefined;
}
