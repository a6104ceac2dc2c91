import { describe, expect, it } from '@jest/globals';
import { Gathered } from './gathered.js';

/** Work that ends when the test says so. */
function slow() {
  const rounds: { items: number[]; end: (error?: Error) => void }[] = [];
  const gathered = new Gathered<number, string>(
    (items) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error === undefined ? resolve(items.map((n) => `n${n}`)) : reject(error));
        rounds.push({ items, end });
      }),
    3,
  );
  return { rounds, gathered };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('gathered work', () => {
  it('runs at once, and takes what came meanwhile together, in order and never too much of it', async () => {
    const { rounds, gathered } = slow();
    const first = gathered.run(1);
    await turn();
    const later = [2, 3, 4, 5].map((n) => gathered.run(n));
    await turn();
    expect(rounds.map(({ items }) => items)).toEqual([[1]]);
    rounds[0]?.end();
    expect(await first).toBe('n1');
    await turn();
    rounds[1]?.end();
    await turn();
    rounds[2]?.end();
    expect(await Promise.all(later)).toEqual(['n2', 'n3', 'n4', 'n5']);
    expect(rounds.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('rejects only those whose statement failed, and goes on', async () => {
    const { rounds, gathered } = slow();
    const first = gathered.run(1);
    await turn();
    const second = gathered.run(2);
    rounds[0]?.end(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await turn();
    rounds[1]?.end();
    expect(await second).toBe('n2');
  });

  it('rejects all when the results are not one for each', async () => {
    const gathered = new Gathered<number, number>(() => Promise.resolve([1]), 3);
    const both = await Promise.allSettled([gathered.run(1), gathered.run(2)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
