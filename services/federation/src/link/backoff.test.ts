import { describe, expect, it } from '@jest/globals';
import { backoffMs } from './backoff.js';

describe('the delay before a node is tried again', () => {
  it('[DCP-14.3-01] is 1 s, doubles, ends at 60 s', () => {
    const bases = Array.from({ length: 10 }, (_, at) => backoffMs(at + 1, 1_000, () => 0.5) / 1_000);
    expect(bases).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
  });

  it('[DCP-14.3-01] varies by a quarter each way, and differs', () => {
    const delays = Array.from({ length: 200 }, () => backoffMs(3, 1_000, Math.random));
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(3_000);
      expect(delay).toBeLessThanOrEqual(5_000);
    }
    expect(new Set(delays).size).toBeGreaterThan(100);
  });

  it('stays finite after any number of failures', () => {
    expect(backoffMs(100_000, 1_000, () => 1)).toBe(75_000);
  });
});
