import { describe, expect, it } from '@jest/globals';
import { inSrvOrder } from './srv-order.js';

const record = (name: string, priority: number, weight: number) => ({ name, priority, weight, port: 443 });
const names = (records: { name: string }[]) => records.map(({ name }) => name);

describe('the order of SRV records (RFC 2782)', () => {
  it('puts lower priorities first, whatever their weights', () => {
    const records = [record('c', 30, 100), record('a', 10, 0), record('b', 20, 65_535)];
    expect(names(inSrvOrder(records, Math.random))).toEqual(['a', 'b', 'c']);
  });

  it('draws among equals by weight', () => {
    let first = 0;
    for (let at = 0; at < 1_000; at++)
      if (inSrvOrder([record('heavy', 1, 90), record('light', 1, 10)], () => (at + 0.5) / 1_000)[0]?.name === 'heavy')
        first++;
    expect(first).toBe(900);
  });

  it('keeps every record once, those without weight too', () => {
    const records = [record('x', 1, 0), record('y', 1, 0), record('z', 1, 5)];
    for (const random of [0, 0.3, 0.999])
      expect(names(inSrvOrder(records, () => random)).sort()).toEqual(['x', 'y', 'z']);
    expect(inSrvOrder([], () => 0)).toEqual([]);
  });

  it('takes a dot for "not offered here"', () => {
    expect(inSrvOrder([record('.', 0, 0), record('', 0, 0)], () => 0)).toEqual([]);
  });
});
