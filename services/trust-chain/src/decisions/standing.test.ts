import { describe, expect, it } from '@jest/globals';
import { standingOf } from './standing.js';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number) => new Date(NOW + seconds * 1_000);
const ban = (expires: Date | null = null) => ({
  action: expires === null ? 'ban_user' : 'temp_ban_user',
  per_minute: null,
  expires,
});
const slow = (per_minute: number, expires: Date | null = null) => ({ action: 'rate_limit_user', per_minute, expires });
const user_id = 'a7f3k9m2.bob';

describe('standingOf', () => {
  it('is empty without decisions, and with such that are over', () => {
    expect(standingOf(user_id, [], undefined, NOW)).toEqual({ user_id });
    expect(standingOf(user_id, [ban(at(0)), slow(1, at(-1))], undefined, NOW)).toEqual({ user_id });
  });

  it('takes the ban that ends last; one without an end ends after all others', () => {
    const both = [ban(at(10)), ban(at(20))];
    expect(standingOf(user_id, both, undefined, NOW)).toEqual({ user_id, banned_until: at(20).toISOString() });
    expect(standingOf(user_id, [ban(), ...both], undefined, NOW)).toEqual({ user_id, banned_until: null });
  });

  it('takes the lowest rate that still holds', () => {
    const rates = [slow(30), slow(5, at(10)), slow(1, at(-10))];
    expect(standingOf(user_id, rates, undefined, NOW)).toEqual({
      user_id,
      rate: { per_minute: 5, until: at(10).toISOString() },
    });
  });

  it("obeys the operator's override first", () => {
    expect(standingOf(user_id, [ban(), slow(1)], 'never', NOW)).toEqual({ user_id });
    expect(standingOf(user_id, [ban(at(10))], 'always', NOW)).toEqual({ user_id, banned_until: null });
  });
});
