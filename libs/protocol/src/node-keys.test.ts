import { describe, expect, it } from '@jest/globals';
import { rotationsFile, rotationsTo } from './node-keys.js';

const step = (from: string, to: string) => {
  const [signature, issued] = ['ed25519:AAAA', '2026-01-01T00:00:00.000Z'];
  return { node: 'abcd1234', from: `ed25519:${from}`, to: `ed25519:${to}`, issued, signature };
};
const CHAIN = [step('A', 'B'), step('B', 'C')];

describe('changes of a node key', () => {
  it('lead to the key that is in use, and a change that was only begun is none', () => {
    expect(rotationsTo('ed25519:C', CHAIN)).toEqual(CHAIN);
    expect(rotationsTo('ed25519:B', CHAIN)).toEqual(CHAIN.slice(0, 1));
    expect(rotationsTo('ed25519:A', CHAIN)).toEqual([]);
    expect(rotationsTo('ed25519:Z', [])).toEqual([]);
    expect(rotationsTo('ed25519:Z', CHAIN)).toBeUndefined();
  });

  it('stand in a file whose shape is checked', () => {
    const token_keys = [{ kid: '0'.repeat(16), x: 'A'.repeat(43), until: '2026-01-01T00:00:00.000Z' }];
    const file = { node: 'abcd1234', rotations: CHAIN, token_keys };
    expect(rotationsFile.parse(file)).toEqual(file);
    for (const wrong of [
      { ...file, node: 'x' },
      { ...file, rotations: [{ ...CHAIN[0], to: 7 }] },
      { ...file, token_keys: [{ ...token_keys[0], x: 'A' }] },
      { ...file, rotations: Array.from({ length: 9 }, () => CHAIN[0]) },
    ])
      expect(rotationsFile.safeParse(wrong).success).toBe(false);
  });
});
