import { beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { randomBytes, safetyNumber } from './index.js';
import { ready } from './index.node.js';

beforeAll(ready);

const alice = { userId: 'a7f3k9m2.alice-7x9k', identityKey: randomBytes(32) };
const bob = { userId: 'b8g4m0n3.bob-q2wm', identityKey: randomBytes(32) };

function otherCode({ userId, identityKey }: typeof alice): string {
  let hash = Buffer.concat([Buffer.of(0, 0), identityKey, Buffer.from(userId)]);
  for (let round = 0; round < 5200; round++) hash = createHash('sha512').update(hash).update(identityKey).digest();
  return [0, 5, 10, 15, 20, 25].map((at) => String(hash.readUIntBE(at, 5) % 100_000).padStart(5, '0')).join(' ');
}

describe('safetyNumber', () => {
  it('is the same from both sides, 12 groups of five digits', () => {
    const number = safetyNumber(alice, bob);
    expect(number).toMatch(/^\d{5}( \d{5}){11}$/);
    expect(safetyNumber(bob, alice)).toBe(number);
  });

  it('agrees with other code', () => {
    expect(safetyNumber(alice, bob)).toBe([otherCode(alice), otherCode(bob)].toSorted().join(' '));
  });

  it('changes with a key or a user id of either side', () => {
    const numbers = [
      safetyNumber(alice, bob),
      safetyNumber({ ...alice, identityKey: randomBytes(32) }, bob),
      safetyNumber(alice, { ...bob, identityKey: randomBytes(32) }),
      safetyNumber({ ...alice, userId: 'a7f3k9m2.alice' }, bob),
    ];
    expect(new Set(numbers).size).toBe(4);
  });

  it('needs identity keys of 32 bytes', () => {
    const short = { ...alice, identityKey: new Uint8Array(31) };
    expect(() => safetyNumber(short, bob)).toThrow(expect.objectContaining({ code: 'invalid_length' }));
  });
});
