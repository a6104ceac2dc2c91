import { describe, expect, it } from '@jest/globals';
import { leadingZeroBits } from '../src/accounts/proof-of-work.js';

describe('leading zero bits', () => {
  it.each([
    [[0x80], 0],
    [[0x7f], 1],
    [[0x01, 0xff], 7],
    [[0x00, 0x80], 8],
    [[0x00, 0x00, 0x0f], 20],
    [[0x00, 0x00], 16],
    [[], 0],
  ])('of %j are %d', (bytes, bits) => {
    expect(leadingZeroBits(Uint8Array.from(bytes))).toBe(bits);
  });
});
