import { describe, expect, it } from '@jest/globals';
import { replaces } from './precedence.js';

describe('which of two links stays', () => {
  it('both dialled at once: the one of the smaller node id, whichever came first', () => {
    expect(replaces({ dialler: 'bbbbbbbb', upMs: 5 }, 'aaaaaaaa', 'bbbbbbbb')).toBe(true);
    expect(replaces({ dialler: 'aaaaaaaa', upMs: 5 }, 'bbbbbbbb', 'aaaaaaaa')).toBe(false);
  });

  it('the same node dials again: the newer one', () => {
    expect(replaces({ dialler: 'bbbbbbbb', upMs: 5 }, 'bbbbbbbb', 'aaaaaaaa')).toBe(true);
  });

  it('an old link gives way to whoever has lost his end of it', () => {
    expect(replaces({ dialler: 'aaaaaaaa', upMs: 60_000 }, 'bbbbbbbb', 'aaaaaaaa')).toBe(true);
  });
});
