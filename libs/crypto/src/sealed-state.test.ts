import { beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { openState, randomBytes, sealState, toHex } from './index.js';
import { ready } from './index.node.js';

beforeAll(ready);

const failed = expect.objectContaining({ code: 'decryption_failed' });

describe('sealed state', () => {
  it('opens under its key and context only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.string(), (state, context) => {
        fc.pre(context.isWellFormed());
        const key = randomBytes(32);
        const sealed = sealState(key, context, state);
        expect(openState(key, context, sealed)).toEqual(state);
        expect(() => openState(key, `${context}.`, sealed)).toThrow(failed);
        expect(() => openState(randomBytes(32), context, sealed)).toThrow(failed);
      }),
      { numRuns: 50 },
    );
  });

  it('a changed bit anywhere is refused', () => {
    const key = randomBytes(32);
    const sealed = sealState(key, 'session/1', randomBytes(40));
    for (let bit = 8; bit < sealed.length * 8; bit++) {
      const changed = sealed.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(() => openState(key, 'session/1', changed)).toThrow(failed);
    }
    const version = Uint8Array.of(2, ...sealed.subarray(1));
    expect(() => openState(key, 'session/1', version)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('[DCP-12.1-01] draws a new nonce of 24 bytes each time', () => {
    const key = randomBytes(32);
    const nonces = Array.from({ length: 1000 }, () => toHex(sealState(key, 'x', new Uint8Array(1)).subarray(1, 25)));
    expect(new Set(nonces).size).toBe(1000);
  });

  it('takes 100 KB and a key of 32 bytes', () => {
    const [key, state] = [randomBytes(32), randomBytes(100_000)];
    expect(openState(key, 'x', sealState(key, 'x', state))).toEqual(state);
    expect(() => sealState(new Uint8Array(31), 'x', state)).toThrow(
      expect.objectContaining({ code: 'invalid_length' }),
    );
  });
});
