import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createHmac } from 'node:crypto';
import {
  advanceStart,
  SENDER_KEY_MAX_AGE_MS,
  SecretBytes,
  SENDER_KEY_MAX_MESSAGES,
  SenderKey,
  toHex,
} from './index.js';
import { ready } from './index.node.js';

beforeAll(ready);

const NOW = 1_800_000_000_000;

function hmac(key: Uint8Array, byte: number): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(Uint8Array.of(byte)).digest());
}

describe('SenderKey', () => {
  it('is a chain of HMAC-SHA-256, by other code', () => {
    const key = SenderKey.create(NOW);
    let { chainKey } = key.start();
    for (let n = 0; n < 20; n++) {
      expect(key.next()).toEqual({ n, conversationKey: hmac(chainKey, 1) });
      chainKey = hmac(chainKey, 2);
      expect(key.start()).toEqual({ keyId: key.keyId, n: n + 1, chainKey });
    }
  });

  it('[DCP-6.3-04] has an id of its own every time', () => {
    const ids = new Set(Array.from({ length: 1000 }, () => SenderKey.create(NOW).keyId));
    expect(ids.size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^sk_[a-z2-7]{26}$/);
  });

  it('[DCP-12.2-03] expires after 1,000 messages and makes no key after that', () => {
    const key = SenderKey.create(NOW);
    for (let count = 0; count < SENDER_KEY_MAX_MESSAGES; count++) {
      expect(key.expired(NOW)).toBe(false);
      key.next();
    }
    expect(key.expired(NOW)).toBe(true);
    expect(() => key.next()).toThrow(expect.objectContaining({ code: 'expired' }));
    expect(SenderKey.deserialize(key.serialize()).expired(NOW)).toBe(true);
  });

  it('[DCP-12.2-03] expires after 24 hours', () => {
    const key = SenderKey.create(NOW);
    expect(key.expired(NOW + SENDER_KEY_MAX_AGE_MS - 1)).toBe(false);
    expect(key.expired(NOW + SENDER_KEY_MAX_AGE_MS)).toBe(true);
    expect(key.expired(NOW - 1000)).toBe(false);
    expect(key.expired(NOW - SENDER_KEY_MAX_AGE_MS)).toBe(true);
  });

  it('goes on where it was when it comes back from a store', () => {
    const key = SenderKey.create(NOW);
    for (let count = 0; count < 7; count++) key.next();
    const copy = SenderKey.deserialize(key.serialize());
    expect([copy.keyId, copy.created, copy.n]).toEqual([key.keyId, NOW, 7]);
    expect(toHex(copy.next().conversationKey)).toBe(toHex(key.next().conversationKey));
  });

  it('[DCP-12.2-02] what was stored later gives no earlier key', () => {
    const key = SenderKey.create(NOW);
    const { conversationKey } = key.next();
    const thief = SenderKey.deserialize(key.serialize());
    for (let count = 0; count < 999; count++) expect(thief.next().conversationKey).not.toEqual(conversationKey);
  });

  it('[DCP-12.2-02] wipes the chain key that it leaves', () => {
    const wiped = jest.spyOn(SecretBytes.prototype, 'wipe');
    SenderKey.create(NOW).next();
    expect(wiped).toHaveBeenCalledTimes(1);
    wiped.mockRestore();
  });

  it('what is handed over is a copy', () => {
    const key = SenderKey.create(NOW);
    key.start().chainKey.fill(0);
    expect(key.start().chainKey.some((byte) => byte !== 0)).toBe(true);
  });

  it('[DCP-12.2-02] a start leads to the starts after it, and to none before it', () => {
    const key = SenderKey.create(NOW);
    const first = key.start();
    for (let n = 0; n <= 5; n++) {
      expect(advanceStart(first, n)).toEqual(key.start());
      key.next();
    }
    expect(first.n).toBe(0);
    const later = advanceStart(first, 3);
    for (const n of [2, -1, 3.5, Number.NaN, SENDER_KEY_MAX_MESSAGES + 1])
      expect(() => advanceStart(later, n)).toThrow(expect.objectContaining({ code: 'malformed' }));
    later.chainKey.fill(0);
    expect(advanceStart(first, 3).chainKey).not.toEqual(later.chainKey);
  });

  it('is of no use once wiped', () => {
    const key = SenderKey.create(NOW);
    key.wipe();
    const wiped = expect.objectContaining({ code: 'secret_wiped' });
    expect(() => key.next()).toThrow(wiped);
    expect(() => key.start()).toThrow(wiped);
    expect(() => key.serialize()).toThrow(wiped);
  });

  it('takes no time that is none', () => {
    for (const now of [Number.NaN, -1, 0.5, Infinity]) {
      expect(() => SenderKey.create(now)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
  });
});
