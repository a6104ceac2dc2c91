import { describe, expect, it } from '@jest/globals';
import { backoff } from './backoff.js';

describe('the wait between tries', () => {
  it('[DCP-14.3-01] begins with 1 s, doubles, ends at 60 s, and is spread by a quarter either way', () => {
    const middle = Array.from({ length: 9 }, (_, i) => backoff(i + 1, () => 0.5) / 1_000);
    expect(middle).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect([backoff(1, () => 0), backoff(1, () => 1), backoff(99, () => 1)]).toEqual([750, 1_250, 75_000]);
  });
});
