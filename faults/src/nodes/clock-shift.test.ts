import { afterEach, describe, expect, it } from '@jest/globals';
import { moveClock } from './clock-shift.js';

const DAY_MS = 86_400_000;

afterEach(() => moveClock(0));

describe('moveClock', () => {
  it('moves every way in which the time of day is asked for, and nothing else', () => {
    const before = Date.now();
    const now = Date.now;
    moveClock(DAY_MS);
    for (const moved of [Date.now(), now(), new Date().getTime()]) {
      expect(moved - before).toBeGreaterThanOrEqual(DAY_MS);
      expect(moved - before).toBeLessThan(DAY_MS + 10_000);
    }
    expect(new Date(5).getTime()).toBe(5);
    expect(new Date('2026-01-01T00:00:00Z').toISOString()).toBe('2026-01-01T00:00:00.000Z');
    expect(new Date()).toBeInstanceOf(Date);
    expect(Date.parse('1970-01-01T00:00:01Z')).toBe(1_000);
  });
});
