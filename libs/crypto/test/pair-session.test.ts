import { beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoErrorCode, PairSession, readEnvelope, toHex } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { Device, met, NOW, plain, roundTrip, text } from './devices.js';

beforeAll(ready);

const DAY = 24 * 60 * 60 * 1000;

function refusal(code: CryptoErrorCode) {
  return expect.objectContaining({ code });
}

function reopened(session: PairSession): PairSession {
  return PairSession.deserialize(session.serialize());
}

describe.each([
  ['X3DH', false],
  ['PQXDH', true],
] as const)('a session by %s', (_, postQuantum) => {
  it('[DCP-6.3-02] begins with a device that is offline and never met the writer', () => {
    const [alice, bob] = [new Device('alice', postQuantum), new Device('bob', postQuantum)];
    const a = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW);
    const messages = ['one', 'two', 'three'].map((word) => a.encrypt(text(word), NOW));
    const first = bob.accept(alice, messages[1] ?? text(''));
    expect(plain(first.plaintext)).toBe('two');
    expect(first.used).toEqual(postQuantum ? { oneTime: 2, kem: 3 } : { oneTime: 2 });
    const b = first.session;
    expect([b.id, b.postQuantum]).toEqual([a.id, postQuantum]);
    expect(a.postQuantum).toBe(postQuantum);
    expect(a.id).toMatch(/^[0-9a-f]{32}$/);
    expect(plain(b.decrypt(messages[2] ?? text(''), NOW))).toBe('three');
    expect(plain(b.decrypt(messages[0] ?? text(''), NOW))).toBe('one');
    expect(plain(a.decrypt(b.encrypt(text('answer'), NOW), NOW))).toBe('answer');
  });

  it('[DCP-6.3-02] a one-time prekey is used once', () => {
    const [alice, eve, bob] = [
      new Device('alice', postQuantum),
      new Device('eve', postQuantum),
      new Device('bob', postQuantum),
    ];
    const bundle = bob.bundle();
    const [first, second] = [alice, eve].map((from) =>
      PairSession.initiate(from.party, bob.party, bundle, NOW).encrypt(text('x'), NOW),
    ) as [Uint8Array, Uint8Array];
    bob.forget(bob.accept(alice, first).used);
    expect(() => bob.accept(eve, second)).toThrow(refusal('unknown_prekey'));
    expect(() => bob.accept(alice, first)).toThrow(refusal('unknown_prekey'));
    expect(bob.bundle().oneTime).toBeUndefined();
  });

  it('[DCP-6.3-02] works without a one-time prekey', () => {
    const [alice, bob] = [new Device('alice', postQuantum), new Device('bob', postQuantum)];
    const a = PairSession.initiate(alice.party, bob.party, { ...bob.bundle(), oneTime: undefined }, NOW);
    const { plaintext, used } = bob.accept(alice, a.encrypt(text('x'), NOW));
    expect(plain(plaintext)).toBe('x');
    expect('oneTime' in used).toBe(false);
  });

  it('the handshake is repeated until the first answer, and the envelope tells it', () => {
    const [alice, bob] = [new Device('alice', postQuantum), new Device('bob', postQuantum)];
    let a = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW);
    a.encrypt(text('lost'), NOW);
    a = reopened(a);
    const message = a.encrypt(text('x'), NOW);
    expect(readEnvelope(message)).toEqual({
      kind: 'initial',
      epoch: 7,
      signedId: 1,
      oneTimeId: 2,
      ...(postQuantum ? { kemId: 3 } : {}),
      exchangeKey: alice.party.exchangeKey,
    });
    const { session } = bob.accept(alice, message);
    const answer = session.encrypt(text('y'), NOW);
    expect(readEnvelope(answer)).toEqual({ kind: 'ratchet' });
    a.decrypt(answer, NOW);
    expect(readEnvelope(a.encrypt(text('z'), NOW))).toEqual({ kind: 'ratchet' });
  });

  it('[DCP-12.2-04] delivers 1, 5, 3, 2, 4', () => {
    const { a, b } = met(postQuantum);
    const messages = ['1', '2', '3', '4', '5'].map((word) => a.encrypt(text(word), NOW));
    for (const at of [1, 5, 3, 2, 4]) expect(plain(b.decrypt(messages[at - 1] ?? text(''), NOW))).toBe(String(at));
  });

  it('[DCP-12.2-04] opens messages of earlier chains after later ones', () => {
    const pair = met(postQuantum);
    const late = ['a', 'b', 'c'].map((word) => pair.a.encrypt(text(word), NOW));
    roundTrip(pair);
    roundTrip(pair);
    pair.b = reopened(pair.b);
    for (const [at, message] of late.toReversed().entries()) {
      expect(plain(pair.b.decrypt(message, NOW))).toBe('cba'.charAt(at));
    }
    for (const message of late) expect(() => pair.b.decrypt(message, NOW)).toThrow(refusal('decryption_failed'));
  });

  it('a message opens once', () => {
    const { a, b } = met(postQuantum);
    const [first, second] = [a.encrypt(text('1'), NOW), a.encrypt(text('2'), NOW)];
    b.decrypt(second, NOW);
    b.decrypt(first, NOW);
    for (const message of [first, second]) expect(() => b.decrypt(message, NOW)).toThrow(refusal('replayed'));
  });

  it('counts what it owes an answer for, and when it was used', () => {
    const { a, b } = met(postQuantum);
    expect([a.owesReply, b.owesReply]).toEqual([0, 1]);
    for (let count = 0; count < 19; count++) b.decrypt(a.encrypt(text('x'), NOW), NOW + count);
    expect(reopened(b).owesReply).toBe(20);
    expect(reopened(b).lastUsed).toBe(NOW + 18);
    a.decrypt(b.encrypt(new Uint8Array(0), NOW + 30), NOW);
    expect([a.owesReply, b.owesReply, b.lastUsed]).toEqual([1, 0, NOW + 30]);
  });

  it('seals an empty message, and one of 64 KiB', () => {
    const { a, b } = met(postQuantum);
    for (const size of [0, 65_536]) {
      const content = new Uint8Array(size).fill(9);
      expect(b.decrypt(a.encrypt(content, NOW), NOW)).toEqual(content);
    }
  });

  it('does not open the messages of another session, nor its own', () => {
    const [one, other] = [met(postQuantum), met(postQuantum)];
    expect(() => one.b.decrypt(other.a.encrypt(text('x'), NOW), NOW)).toThrow(refusal('decryption_failed'));
    expect(() => one.a.decrypt(one.a.encrypt(text('x'), NOW), NOW)).toThrow(refusal('decryption_failed'));
  });

  it('two messages of one text share no bytes that tell it', () => {
    const { a } = met(postQuantum);
    const [first, second] = [a.encrypt(text('same'), NOW), a.encrypt(text('same'), NOW)];
    expect(toHex(first.slice(-20))).not.toBe(toHex(second.slice(-20)));
  });
});

describe('limits', () => {
  it('[DCP-12.2-04] a jump of 2,001 is refused before a key is made', () => {
    const { a, b } = met();
    const behind = reopened(b);
    for (let count = 0; count < 2002; count++) a.encrypt(text(''), NOW);
    const far = a.encrypt(text('x'), NOW);
    const size = behind.serialize().length;
    expect(() => behind.decrypt(far, NOW)).toThrow(refusal('too_many_skipped'));
    expect(behind.serialize()).toHaveLength(size);
  });

  it('[DCP-12.2-04] 2,000 keys are kept in all, over several chains', () => {
    const pair = met();
    for (let count = 0; count < 1000; count++) pair.a.encrypt(text(''), NOW);
    roundTrip(pair);
    for (let count = 0; count < 1000; count++) pair.a.encrypt(text(''), NOW);
    roundTrip(pair);
    pair.a.encrypt(text(''), NOW);
    const refused = pair.a.encrypt(text('x'), NOW);
    expect(() => pair.b.decrypt(refused, NOW)).toThrow(refusal('too_many_skipped'));
    const again = reopened(pair.b);
    again.decrypt(pair.a.encrypt(text(''), NOW + 8 * DAY), NOW + 8 * DAY);
  });

  it('[DCP-12.2-04] what an earlier chain lacks counts together with the jump in the new one', () => {
    const pair = met();
    for (let count = 0; count < 1500; count++) pair.a.encrypt(text(''), NOW);
    pair.a.decrypt(pair.b.encrypt(text('x'), NOW), NOW);
    for (let count = 0; count < 500; count++) pair.a.encrypt(text(''), NOW);
    const most = pair.a.encrypt(text('most'), NOW);
    const more = pair.a.encrypt(text('more'), NOW);
    expect(() => pair.b.decrypt(more, NOW)).toThrow(refusal('too_many_skipped'));
    expect(plain(pair.b.decrypt(most, NOW))).toBe('most');
    expect(plain(pair.b.decrypt(more, NOW))).toBe('more');
  });

  it('[DCP-12.2-04] kept keys expire after seven days', () => {
    const { a, b } = met();
    const [early, late] = [a.encrypt(text('early'), NOW), a.encrypt(text('late'), NOW)];
    b.decrypt(a.encrypt(text('x'), NOW), NOW);
    const size = b.serialize().length;
    expect(plain(b.decrypt(early, NOW + 7 * DAY))).toBe('early');
    expect(() => b.decrypt(late, NOW + 7 * DAY + 1)).toThrow(refusal('replayed'));
    expect(b.serialize().length).toBeLessThan(size - 80);
  });
});

describe('a wiped session', () => {
  it('does nothing any more', () => {
    const { a, b } = met();
    const message = a.encrypt(text('x'), NOW);
    b.wipe();
    b.wipe();
    expect(() => b.decrypt(message, NOW)).toThrow(refusal('secret_wiped'));
    expect(() => b.encrypt(text('x'), NOW)).toThrow(refusal('secret_wiped'));
    expect(() => b.serialize()).toThrow(refusal('secret_wiped'));
  });
});
