import { describe, expect, it } from '@jest/globals';
import { backoffDelay } from './backoff.js';

describe('backoffDelay (§14.3)', () => {
  it('[DCP-14.3-01] starts at one second, doubles, and stays at sixty', () => {
    const middle = (attempt: number) => backoffDelay(attempt, { random: () => 0.5 });
    expect([0, 1, 2, 3, 4, 5, 6, 7, 100].map(middle)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((s) => s * 1000));
  });

  it('[DCP-14.3-01] varies by a quarter either way, and not always the same', () => {
    expect(backoffDelay(0, { random: () => 0 })).toBe(750);
    expect(backoffDelay(0, { random: () => 0.999_999 })).toBeCloseTo(1_250, 1);
    const drawn = Array.from({ length: 50 }, () => backoffDelay(3));
    expect(new Set(drawn).size).toBeGreaterThan(1);
    for (const delay of drawn) expect(Math.abs(delay - 8_000)).toBeLessThanOrEqual(2_000);
  });
});
