import { fromBase64, randomBytes, ready, toBase64 } from '@dcp/crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makeChallenge, readChallenge } from '../src/challenges/challenge.js';

const subjects = fc.record({
  nodeId: fc.stringMatching(/^[a-z0-9]{8}$/),
  endpoint: fc.stringMatching(/^wss?:\/\/[a-z0-9.:-]{1,80}$/),
  userId: fc.stringMatching(/^[a-z0-9]{8}\.[a-z0-9][a-z0-9_-]{2,62}$/),
  device: fc.oneof(fc.constant(''), fc.stringMatching(/^dev_[a-z0-9]{16}$/)),
  expires: fc.integer({ min: 0, max: 2 ** 45 }),
});

describe('challenges', () => {
  beforeAll(() => ready());
  const secret = randomBytes(32);

  it('say again whom they are for, whatever their random bytes are', () => {
    fc.assert(
      fc.property(subjects, (subject) => {
        const { subject: read, bytes } = readChallenge(makeChallenge(subject, secret), secret);
        expect(read).toEqual(subject);
        expect(bytes.length).toBeGreaterThan(48);
      }),
    );
  });

  it('[DCP-5.2-06] are refused when one bit of them is another, or another node made them', () => {
    const subject = { nodeId: 'a7f3k9m2', endpoint: 'wss://x', userId: 'a7f3k9m2.alice', device: '', expires: 1 };
    const challenge = makeChallenge(subject, secret);
    expect(() => readChallenge(challenge, randomBytes(32))).toThrow('Authentication failed');
    const { length } = fromBase64(challenge);
    fc.assert(
      fc.property(fc.nat(length - 1), fc.nat(7), (at, bit) => {
        const bytes = fromBase64(challenge);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect(() => readChallenge(toBase64(bytes), secret)).toThrow('Authentication failed');
      }),
    );
  });

  it('of any other bytes are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => readChallenge(toBase64(bytes), secret)).toThrow('Authentication failed');
      }),
    );
  });
});
