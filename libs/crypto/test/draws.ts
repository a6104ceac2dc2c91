/** Randomness as a vector gives it. */
import { expect } from '@jest/globals';
import { fromHex } from '../src/index.js';
import { useRandom } from '../src/random-source.js';

/** Gives these bytes out as random, in this order, and fails if more or fewer are drawn. */
export function withDraws<T>(draws: readonly string[], action: () => T): T {
  const left = [...draws];
  useRandom((into) => {
    const next = left.shift();
    if (next === undefined || next.length !== into.length * 2) throw new Error('another draw than the vector has');
    into.set(fromHex(next));
  });
  const result = action();
  useRandom();
  expect(left).toEqual([]);
  return result;
}
