import { describe, expect, it } from '@jest/globals';
import { StrangerRates } from './stranger-rates.js';

describe('how often a node that nobody has rated may ask', () => {
  it('as many as a minute allows at once, then as time passes; each node for itself', () => {
    let now = 0;
    const rates = new StrangerRates(60, () => now);
    for (let asked = 0; asked < 60; asked++) rates.take('aaaaaaaa');
    expect(() => rates.take('aaaaaaaa')).toThrow(
      expect.objectContaining({ details: { reason: 'unknown_node', retry_after: 1 } }),
    );
    rates.take('bbbbbbbb');
    now = 1_000;
    rates.take('aaaaaaaa');
    expect(() => rates.take('aaaaaaaa')).toThrow('Too many requests');
  });
});
