import { beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { openMessage, ReceivedSenderKey, sealMessage, SenderKey, toHex } from './index.js';
import { ready } from './index.node.js';
import type { CryptoErrorCode } from './crypto-error.js';

beforeAll(ready);

const NOW = 1_800_000_000_000;
const DAY = 24 * 60 * 60 * 1000;

function refusal(code: CryptoErrorCode) {
  return expect.objectContaining({ code });
}

/** Both sides, and the keys that the sender used for its first `count` messages. */
function handedOver(count: number, from = 0) {
  const own = SenderKey.create(NOW);
  const starts = [own.start()];
  const keys: string[] = [];
  for (let n = 0; n < count; n++) {
    keys.push(toHex(own.next().conversationKey));
    starts.push(own.start());
  }
  const startAt = (n: number) => {
    const start = starts[n];
    if (start === undefined) throw new Error('no such start');
    return start;
  };
  return { own, keys, startAt, received: ReceivedSenderKey.from(startAt(from), NOW) };
}

function opened(key: ReceivedSenderKey, n: number, now = NOW): string {
  return key.open(n, now, toHex);
}

describe('ReceivedSenderKey', () => {
  it('[DCP-12.2-04] opens 1, 5, 3, 2, 4', () => {
    const { received, keys } = handedOver(6);
    for (const n of [1, 5, 3, 2, 4]) expect(opened(received, n)).toBe(keys[n]);
    expect(opened(received, 0)).toBe(keys[0]);
    expect(received.next).toBe(6);
  });

  it('[DCP-12.2-02] gives each key once, in any order, with restarts between', () => {
    const orders = fc.shuffledSubarray(Array.from({ length: 40 }, (_, n) => n));
    fc.assert(
      fc.property(orders, fc.nat(5), (order, pause) => {
        const { keys, ...rest } = handedOver(40);
        let { received } = rest;
        for (const [at, n] of order.entries()) {
          expect(opened(received, n)).toBe(keys[n]);
          if (at % (pause + 2) === 0) received = ReceivedSenderKey.deserialize(received.serialize());
          expect(() => opened(received, n)).toThrow(refusal('replayed'));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('changes nothing if `use` throws', () => {
    const { received, keys } = handedOver(5);
    received.open(2, NOW, () => true);
    const before = received.serialize();
    const forged = () => {
      throw new Error('forged');
    };
    for (const n of [0, 1, 3, 4, 1000]) expect(() => received.open(n, NOW, forged)).toThrow('forged');
    // A forger may even have spoiled what it was given.
    const spoiled = (key: Uint8Array) => {
      key.fill(1);
      forged();
    };
    for (const n of [0, 4]) expect(() => received.open(n, NOW, spoiled)).toThrow('forged');
    expect(received.serialize()).toEqual(before);
    for (const n of [4, 0, 1, 3]) expect(opened(received, n)).toBe(keys[n]);
  });

  it('[DCP-12.2-02] wipes a key after use', () => {
    const { received } = handedOver(3);
    const lent: Uint8Array[] = [];
    received.open(2, NOW, (key) => lent.push(key));
    received.open(0, NOW, (key) => lent.push(key));
    for (const key of lent) expect(key.every((byte) => byte === 0)).toBe(true);
  });

  it('[DCP-6.3-04] one ciphertext opens for 100 members, and the next key for none of them that was not given it', () => {
    const [first, second] = [SenderKey.create(NOW), SenderKey.create(NOW)];
    const members = Array.from({ length: 100 }, () => ReceivedSenderKey.from(first.start(), NOW));
    const [aad, content] = [new Uint8Array(8), new Uint8Array(256).fill(7)];
    const { nonce, ciphertext } = sealMessage(first.next().conversationKey, content, aad);
    const later = sealMessage(second.next().conversationKey, content, aad);
    for (const member of members) {
      expect(member.open(0, NOW, (key) => openMessage(key, nonce, ciphertext, aad))).toEqual(content);
      const stale = () => member.open(1, NOW, (key) => openMessage(key, later.nonce, later.ciphertext, aad));
      expect(stale).toThrow(refusal('decryption_failed'));
    }
  });

  it('opens nothing from before the hand-over', () => {
    const { received, keys } = handedOver(10, 4);
    for (const n of [0, 3]) expect(() => opened(received, n)).toThrow(refusal('too_old'));
    expect(opened(received, 4)).toBe(keys[4]);
  });

  it('[DCP-12.2-04] refuses a jump of 1,000,000, and more than 2,000 kept keys', () => {
    const { received } = handedOver(1);
    const size = received.serialize().length;
    const before = performance.now();
    for (const n of [2001, 1_000_000, 2 ** 32 - 2]) {
      expect(() => opened(received, n)).toThrow(refusal('too_many_skipped'));
    }
    expect(performance.now() - before).toBeLessThan(1000);
    expect(received.serialize()).toHaveLength(size);
    expect(opened(received, 2000)).toMatch(/^[0-9a-f]{64}$/);
    expect(() => opened(received, 2002)).toThrow(refusal('too_many_skipped'));
    opened(received, 7);
    expect(opened(received, 2002)).toMatch(/^[0-9a-f]{64}$/);
    expect(ReceivedSenderKey.deserialize(received.serialize()).next).toBe(2003);
  });

  it('[DCP-12.2-04] forgets kept keys after seven days', () => {
    const { received, keys } = handedOver(10);
    opened(received, 5);
    opened(received, 9, NOW + DAY);
    expect(opened(received, 0, NOW + 7 * DAY)).toBe(keys[0]);
    expect(() => opened(received, 1, NOW + 7 * DAY + 1)).toThrow(refusal('replayed'));
    expect(opened(received, 6, NOW + 8 * DAY)).toBe(keys[6]);
    received.dropOld(NOW + 8 * DAY + 1);
    expect(() => opened(received, 7, NOW + 8 * DAY + 1)).toThrow(refusal('replayed'));
    expect(received.serialize().length).toBeLessThan(100);
  });

  it('refuses what is no message number', () => {
    const { received } = handedOver(1);
    for (const n of [-1, 0.5, Number.NaN, 2 ** 32]) expect(() => opened(received, n)).toThrow(refusal('malformed'));
  });

  it('is of no use once wiped', () => {
    const { received } = handedOver(3);
    opened(received, 1);
    received.wipe();
    expect(() => opened(received, 2)).toThrow(refusal('secret_wiped'));
    expect(() => opened(received, 0)).toThrow(refusal('replayed'));
  });
});

describe('extend', () => {
  it('adds the keys from an earlier start, and revives none', () => {
    const { received, keys, startAt } = handedOver(12, 6);
    for (const n of [6, 8]) opened(received, n);
    received.extend(startAt(2), NOW);
    for (const n of [6, 8]) expect(() => opened(received, n)).toThrow(refusal('replayed'));
    expect(() => opened(received, 1)).toThrow(refusal('too_old'));
    for (const n of [5, 2, 7, 3, 4, 9]) expect(opened(received, n)).toBe(keys[n]);
    for (const n of [2, 3, 4, 5]) expect(() => opened(received, n)).toThrow(refusal('replayed'));
    received.extend(startAt(2), NOW);
    expect(() => opened(received, 2)).toThrow(refusal('replayed'));
  });

  it('does nothing for a later start', () => {
    const { received, keys, startAt } = handedOver(12, 3);
    opened(received, 4);
    received.extend(startAt(4), NOW);
    received.extend(startAt(9), NOW);
    expect(() => opened(received, 4)).toThrow(refusal('replayed'));
    expect(opened(received, 3)).toBe(keys[3]);
  });

  it('takes no start of another chain, under whatever name', () => {
    const { received, startAt } = handedOver(12, 6);
    const other = handedOver(12).startAt(2);
    expect(() => received.extend(other, NOW)).toThrow(refusal('malformed'));
    expect(() => received.extend({ ...other, keyId: received.keyId }, NOW)).toThrow(refusal('malformed'));
    expect(() => received.extend({ ...startAt(2), n: 3 }, NOW)).toThrow(refusal('malformed'));
    expect(() => opened(received, 5)).toThrow(refusal('too_old'));
  });

  it('keeps 2,000 keys at most', () => {
    const { received, startAt } = handedOver(12, 6);
    opened(received, 6 + 1998);
    expect(() => received.extend(startAt(3), NOW)).toThrow(refusal('too_many_skipped'));
    received.extend(startAt(4), NOW);
    expect(() => opened(received, 6 + 2000)).toThrow(refusal('too_many_skipped'));
  });

  it('[DCP-12.2-04] starts the seven days of what it adds', () => {
    const { received, keys, startAt } = handedOver(12, 6);
    received.extend(startAt(2), NOW + 3 * DAY);
    expect(opened(received, 3, NOW + 10 * DAY)).toBe(keys[3]);
    expect(() => opened(received, 4, NOW + 10 * DAY + 1)).toThrow(refusal('replayed'));
  });
});
