import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenBuckets } from './token-bucket.js';

describe('TokenBuckets', () => {
  it('[DCP-14.2-12] tells after how many seconds the tokens will be there', () => {
    const buckets = new TokenBuckets({ perSecond: 2, burst: 3 }, 10);
    expect([1, 1, 1].map((cost) => buckets.take('a', cost, 0))).toEqual([0, 0, 0]);
    expect(buckets.take('a', 1, 0)).toBe(0.5);
    expect(buckets.take('b', 3, 0)).toBe(0);
    expect(buckets.take('a', 1, 500)).toBe(0);
  });

  it('never lets more through than burst and rate allow', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat(500), cost: fc.integer({ min: 1, max: 3 }) }), { maxLength: 200 }),
        (asks) => {
          const buckets = new TokenBuckets({ perSecond: 5, burst: 10 }, 10);
          let now = 0;
          let taken = 0;
          for (const { wait, cost } of asks) {
            now += wait;
            if (buckets.take('a', cost, now) === 0) taken += cost;
          }
          expect(taken).toBeLessThanOrEqual(10 + (now / 1000) * 5 + 1e-6);
        },
      ),
    );
  });

  it('forgets the longest unused key when there are too many', () => {
    const buckets = new TokenBuckets({ perSecond: 0.001, burst: 1 }, 2);
    for (const key of ['a', 'b', 'c']) expect(buckets.take(key, 1, 0)).toBe(0);
    expect(buckets.take('c', 1, 0)).toBeGreaterThan(0);
    expect(buckets.take('a', 1, 0)).toBe(0);
  });
});
