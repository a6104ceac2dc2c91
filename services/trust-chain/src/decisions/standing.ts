import type { OverrideRule, UserStanding } from '@dcp/contracts';

/** A decision about a user that is applied and was not taken back. */
export interface ActiveDecision {
  action: string;
  per_minute: number | null;
  expires: Date | null;
}

/**
 * What holds for a user at `now` (milliseconds): the ban that ends last, and the lowest of the rates. Whatever is over counts for
 * nothing, whether somebody has tidied it up or not.
 */
export function standingOf(
  userId: string,
  decisions: readonly ActiveDecision[],
  rule: OverrideRule | undefined,
  now: number,
): UserStanding {
  if (rule === 'never') return { user_id: userId };
  const active = decisions.filter(({ expires }) => expires === null || expires.getTime() > now);
  const ban = rule === 'always' ? null : latestEnd(active.filter(({ action }) => action.endsWith('ban_user')));
  const rate = lowestRate(active);
  return {
    user_id: userId,
    ...(ban === undefined ? {} : { banned_until: ban }),
    ...(rate === undefined ? {} : { rate }),
  };
}

/** Null: one of them has no end. Undefined: there is none. */
function latestEnd(bans: readonly ActiveDecision[]): string | null | undefined {
  if (bans.length === 0) return undefined;
  const ends = bans.map(({ expires }) => expires?.getTime() ?? Infinity);
  const last = Math.max(...ends);
  return last === Infinity ? null : new Date(last).toISOString();
}

function lowestRate(active: readonly ActiveDecision[]): UserStanding['rate'] {
  const limits = active.flatMap(({ per_minute, expires }) => (per_minute === null ? [] : [{ per_minute, expires }]));
  const [lowest] = limits.sort((a, b) => a.per_minute - b.per_minute);
  if (lowest === undefined) return undefined;
  return { per_minute: lowest.per_minute, until: lowest.expires?.toISOString() ?? null };
}
