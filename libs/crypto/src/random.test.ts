import { describe, expect, it } from '@jest/globals';
import { constantTimeEqual } from './constant-time.js';
import { randomBytes } from './random.js';

describe('randomBytes', () => {
  it('[DCP-12.1-02] draws from the platform beyond the limit of one call', () => {
    const bytes = randomBytes(200_000);
    expect(bytes).toHaveLength(200_000);
    for (let at = 0; at < bytes.length; at += 20_000) {
      expect(bytes.subarray(at, at + 32).some((byte) => byte !== 0)).toBe(true);
    }
  });

  it('[DCP-12.1-01] 100,000 nonces of 12 bytes do not repeat', () => {
    const seen = new Set<string>();
    for (let count = 0; count < 100_000; count++) seen.add(String.fromCharCode(...randomBytes(12)));
    expect(seen.size).toBe(100_000);
  });
});

describe('constantTimeEqual', () => {
  it('compares all bytes and the length', () => {
    const value = randomBytes(32);
    expect(constantTimeEqual(value, value.slice())).toBe(true);
    expect(constantTimeEqual(value, value.subarray(1))).toBe(false);
    for (let at = 0; at < 32; at++) {
      const other = value.slice();
      other[at] = (other[at] ?? 0) ^ 0x80;
      expect(constantTimeEqual(value, other)).toBe(false);
    }
  });
});
