import { describe, expect, it } from '@jest/globals';
import { changedKey, type KeyChange, rotationsFile, rotationsTo } from './node-keys.js';

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

describe('a change of a node key', () => {
  const NOW = Date.parse('2026-02-01T00:00:00.000Z');
  const change: KeyChange = {
    ...{ node: 'abcd1234', from: 'ed25519:C', to: 'ed25519:D', to_pq: 'ml-dsa-65:D', now: NOW },
    former: { kid: 'c'.repeat(16), x: 'C'.repeat(43), until: NOW + 1_000 },
    sign: (preimage) => `by C over ${preimage.length}`,
    signHybrid: (preimage) => `by both over ${new TextDecoder().decode(preimage)}`,
  };
  const token = (kid: string, until: number) => ({ kid, x: 'A'.repeat(43), until: new Date(until).toISOString() });
  const before = {
    node: 'abcd1234',
    rotations: CHAIN,
    token_keys: [token('a'.repeat(16), NOW - 1), token('b'.repeat(16), NOW + 1)],
  };

  it('comes after those that lead to the present key; over is what is over', () => {
    const changed = changedKey({ ...before, rotations: [...CHAIN, step('C', 'begun')] }, change);
    if ('refused' in changed) throw new Error(changed.refused);
    const { file } = changed;
    expect(file.rotations.slice(0, -1)).toEqual(CHAIN);
    expect(file.rotations.at(-1)).toEqual({
      ...{ node: 'abcd1234', from: 'ed25519:C', to: 'ed25519:D', to_pq: 'ml-dsa-65:D' },
      issued: '2026-02-01T00:00:00.000Z',
      hybrid: expect.stringMatching(/^by both over DCP-NODE-V1\0\{"from":"ed25519:C".*"to_pq":"ml-dsa-65:D"\}$/),
      signature: expect.stringMatching(/^by C over /),
    });
    expect(file.token_keys.map(({ kid }) => kid[0])).toEqual(['b', 'c']);
    expect(changedKey(undefined, change)).toMatchObject({
      file: { node: 'abcd1234', rotations: [{ to: 'ed25519:D' }] },
    });
  });

  it('is refused where others would not follow', () => {
    expect(changedKey({ ...before, node: 'zzzz1234' }, change)).toEqual({
      refused: 'is about the node zzzz1234, not abcd1234',
    });
    expect(changedKey(before, { ...change, from: 'ed25519:Z' })).toEqual({
      refused: 'does not lead to the key that the node has now',
    });
    const eight = Array.from({ length: 8 }, (_, i) => step(`${i}`, `${i + 1}`));
    expect(changedKey({ ...before, rotations: eight }, { ...change, from: 'ed25519:8' })).toEqual({
      refused: expect.stringContaining('8 changes of the key already'),
    });
  });
});
