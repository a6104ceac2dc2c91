/** What a thief of one moment can and cannot read, and what an observer sees of the headers. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { associatedData } from '../src/associated-data.js';
import { advanceReceiving, advanceSending, startInitiator, startResponder } from '../src/double-ratchet.js';
import { handshakeKeys } from '../src/handshake-keys.js';
import { generateX25519KeyPair, PairSession, randomBytes, toHex } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { openHeader } from '../src/ratchet-header.js';
import { rootStep } from '../src/ratchet-kdf.js';
import { ByteReader } from '../src/byte-reader.js';
import { type RatchetState, readRatchetState } from '../src/ratchet-state.js';
import { SkippedMessageKeys } from '../src/skipped-message-keys.js';
import { parseEnvelope } from '../src/envelope.js';
import { met, NOW, type Pair, plain, roundTrip, text } from './devices.js';

beforeAll(ready);

const DAY = 24 * 60 * 60 * 1000;

function stolen(session: PairSession): PairSession {
  return PairSession.deserialize(session.serialize());
}

/** The ratchet inside a serialised session: what a thief would read. */
function ratchetOf(session: PairSession): { ratchet: RatchetState; associated: Uint8Array } {
  const reader = new ByteReader(session.serialize());
  reader.raw(17);
  const associated = reader.raw(32);
  reader.raw(12);
  reader.optional(() => reader.block(2048));
  return { ratchet: readRatchetState(reader), associated };
}

function header(message: Uint8Array, reader: PairSession) {
  const { ratchet, associated } = ratchetOf(reader);
  const sealed = parseEnvelope(message).header;
  const keys = [ratchet.receiving?.headerKey, ratchet.nextReceivingHeaderKey];
  return keys.map((key) => key && openHeader(key, sealed, associated)).find((found) => found !== undefined);
}

describe.each([
  ['X3DH', false],
  ['PQXDH', true],
] as const)('theft from a session by %s', (_, postQuantum) => {
  it('[DCP-6.3-03] [DCCP-SEC-03] messages before the theft stay closed', () => {
    const pair = met(postQuantum);
    const recorded: Uint8Array[] = [];
    for (let count = 0; count < 10; count++) {
      const message = pair.a.encrypt(text(`secret ${count}`), NOW);
      recorded.push(message);
      pair.b.decrypt(message, NOW);
      if (count % 3 === 0) roundTrip(pair);
    }
    for (const message of recorded) {
      expect(() => stolen(pair.b).decrypt(message, NOW)).toThrow();
      expect(() => stolen(pair.a).decrypt(message, NOW)).toThrow();
    }
  });

  it('[DCCP-SEC-03] nothing opens with the long-term keys and all prekeys that are left', () => {
    const { alice, bob, ...sessions } = met(postQuantum);
    const first = sessions.a.encrypt(text('recorded'), NOW);
    bob.forget({ oneTime: 2, kem: 3 });
    expect(() => bob.accept(alice, first)).toThrow(expect.objectContaining({ code: 'unknown_prekey' }));
  });

  it('[DCP-6.3-03] after a round trip messages are closed to who stole the state', () => {
    const pair = met(postQuantum);
    roundTrip(pair);
    const thieves = { a: stolen(pair.a), b: stolen(pair.b) };
    roundTrip(pair);
    roundTrip(pair);
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const message = pair[from].encrypt(text('later'), NOW);
      expect(() => thieves.a.decrypt(message, NOW)).toThrow();
      expect(() => thieves.b.decrypt(message, NOW)).toThrow();
      expect(plain(pair[to].decrypt(message, NOW))).toBe('later');
    }
  });

  it('[DCP-12.2-02] a stored session cannot open again what it has opened', () => {
    const { a, b } = met(postQuantum);
    const [first, second] = [a.encrypt(text('1'), NOW), a.encrypt(text('2'), NOW)];
    b.decrypt(second, NOW);
    expect(plain(stolen(b).decrypt(first, NOW))).toBe('1');
    b.decrypt(first, NOW);
    for (const message of [first, second]) expect(() => stolen(b).decrypt(message, NOW)).toThrow();
  });

  it('[DCP-12.2-01] the ratchet key changes with every change of direction, and only then', () => {
    const pair = met(postQuantum);
    const seen: string[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const [from, to] = turn % 2 === 0 ? (['b', 'a'] as const) : (['a', 'b'] as const);
      const messages = [pair[from].encrypt(text('1'), NOW), pair[from].encrypt(text('2'), NOW)];
      const keys = messages.map((message) => toHex(header(message, pair[to])?.ratchetKey ?? text('')));
      expect(keys[1]).toBe(keys[0]);
      seen.push(keys[0] ?? '');
      for (const message of messages) pair[to].decrypt(message, NOW);
    }
    expect(new Set(seen).size).toBe(6);
    expect(seen).not.toContain('');
  });

  it('a header is closed to everyone else, and no two look alike', () => {
    const pair = met(postQuantum);
    const [one, two] = [pair.a.encrypt(text('1'), NOW), pair.a.encrypt(text('2'), NOW)];
    expect(header(one, met(postQuantum).b)).toBeUndefined();
    const { ratchet } = ratchetOf(pair.a);
    const key = toHex(ratchet.own?.publicKey ?? text('none'));
    for (const message of [one, two]) expect(toHex(message)).not.toContain(key);
  });
});

describe('[DCCP-SEC-01] fresh ML-KEM secrets', () => {
  /** The kinds of post-quantum parts seen in `count` single messages there and back. */
  function kinds(pair: Pair, count: number, now = NOW): string[] {
    const seen: string[] = [];
    for (let turn = 0; turn < count; turn++) {
      const [from, to] = turn % 2 === 0 ? (['b', 'a'] as const) : (['a', 'b'] as const);
      const message = pair[from].encrypt(text('x'), now);
      seen.push(header(message, pair[to])?.kem.kind ?? 'unread');
      pair[to].decrypt(message, now);
    }
    return seen;
  }

  it('are mixed in after 50 messages in both directions together', () => {
    const seen = kinds(met(), 110);
    const offers = seen.flatMap((kind, at) => (kind === 'publicKey' ? [at] : []));
    const answers = seen.flatMap((kind, at) => (kind === 'ciphertext' ? [at] : []));
    expect(offers).toHaveLength(2);
    expect(answers).toEqual(offers.map((at) => at + 1));
    // The first message of the session was the fiftieth before it.
    expect(offers[0]).toBe(49);
  });

  it('are mixed in after 24 hours', () => {
    const pair = met();
    expect(kinds(pair, 4, NOW + DAY - 1)).toEqual(['none', 'none', 'none', 'none']);
    expect(kinds(pair, 4, NOW + DAY)).toEqual(['publicKey', 'ciphertext', 'none', 'none']);
    expect(kinds(pair, 4, NOW + 2 * DAY)).toEqual(['publicKey', 'ciphertext', 'none', 'none']);
  });

  it('are carried by every message of a chain, so that any may come first', () => {
    const pair = met();
    const later = NOW + DAY;
    const offers = ['1', '2', '3'].map((word) => pair.b.encrypt(text(word), later));
    for (const message of offers) expect(header(message, pair.a)?.kem.kind).toBe('publicKey');
    pair.a.decrypt(offers[2] ?? text(''), later);
    const answers = ['4', '5', '6'].map((word) => pair.a.encrypt(text(word), later));
    for (const message of answers) expect(header(message, pair.b)?.kem.kind).toBe('ciphertext');
    expect(plain(pair.b.decrypt(answers[1] ?? text(''), later))).toBe('5');
    expect(plain(pair.b.decrypt(answers[0] ?? text(''), later))).toBe('4');
    expect(plain(pair.a.decrypt(offers[0] ?? text(''), later))).toBe('1');
    roundTrip(pair, later);
  });

  it('are never part of a session by X3DH', () => {
    expect(new Set(kinds(met(false), 120, NOW + 9 * DAY))).toEqual(new Set(['none']));
  });

  it('[DCCP-SEC-04] a chain that owes an answer and has none is refused', () => {
    const pair = met();
    const later = NOW + DAY;
    pair.a.decrypt(pair.b.encrypt(text('offer'), later), later);
    const { ratchet, associated } = ratchetOf(pair.a);
    const postQuantum = ratchet.postQuantum && { ...ratchet.postQuantum, peerOffer: undefined, count: 0, since: later };
    const silent = advanceSending({ ...ratchet, postQuantum }, associated, later);
    const { ratchet: waiting } = ratchetOf(pair.b);
    const received = () => advanceReceiving(waiting, new SkippedMessageKeys(), silent.header, associated, later);
    expect(received).toThrow(expect.objectContaining({ code: 'decryption_failed' }));
    const honest = advanceSending(ratchet, associated, later);
    const accepted = advanceReceiving(waiting, new SkippedMessageKeys(), honest.header, associated, later);
    expect(accepted.messageKey).toEqual(honest.messageKey);
  });
});

describe('[DCCP-SEC-04] break either half', () => {
  const context = () => new Uint8Array(32).fill(5);
  const zeros = () => new Uint8Array(32);
  const outcome = (dh: Uint8Array[], kem: Uint8Array | undefined) =>
    toHex(handshakeKeys({ dh, kem }, context()).rootKey);

  it('the first keys depend on ML-KEM when all DH secrets are known', () => {
    const broken = () => [zeros(), zeros(), zeros(), zeros()];
    const [one, other] = [randomBytes(32), randomBytes(32)];
    expect(outcome(broken(), one)).not.toBe(outcome(broken(), other));
    expect(outcome(broken(), undefined)).not.toBe(outcome(broken(), zeros()));
  });

  it('the first keys depend on each DH secret when ML-KEM’s is known', () => {
    for (let at = 0; at < 4; at++) {
      const withSecret = () =>
        [zeros(), zeros(), zeros(), zeros()].map((dh, which) => (which === at ? randomBytes(32) : dh));
      expect(outcome(withSecret(), zeros())).not.toBe(outcome(withSecret(), zeros()));
    }
  });

  it('a root step depends on either, and on the root before it', () => {
    const root = randomBytes(32);
    const step = (key: Uint8Array, dh: Uint8Array, kem: Uint8Array) => toHex(rootStep(key, dh, kem).rootKey);
    expect(step(root, zeros(), randomBytes(32))).not.toBe(step(root, zeros(), zeros()));
    expect(step(root, randomBytes(32), zeros())).not.toBe(step(root, zeros(), zeros()));
    expect(step(randomBytes(32), zeros(), zeros())).not.toBe(step(root, zeros(), zeros()));
  });

  it('the associated data has the initiator first, and the ML-KEM key in it', () => {
    const { alice, bob } = met();
    const [one, other, kem] = [alice.party, bob.party, randomBytes(1184)];
    const all = [
      associatedData(one, other, undefined),
      associatedData(other, one, undefined),
      associatedData(one, other, kem),
    ];
    expect(new Set(all.map(toHex)).size).toBe(3);
  });
});

describe('[DCP-12.2-04] a jump of 1,000,000', () => {
  it('is refused before a key is made', () => {
    const secrets = () => ({ dh: [new Uint8Array(32).fill(1)], kem: undefined });
    const associated = new Uint8Array(32);
    const prekey = generateX25519KeyPair();
    const pair = { publicKey: prekey.publicKey, privateKey: prekey.privateKey.reveal().slice() };
    const a = startInitiator(handshakeKeys(secrets(), associated), prekey.publicKey, false, NOW);
    const b = startResponder(handshakeKeys(secrets(), associated), pair, false, NOW);
    const far = { ...a, sending: a.sending && { ...a.sending, n: 1_000_000 } };
    const { header: sealed } = advanceSending(far, associated, NOW);
    const kept = new SkippedMessageKeys();
    const before = performance.now();
    expect(() => advanceReceiving(b, kept, sealed, associated, NOW)).toThrow(
      expect.objectContaining({ code: 'too_many_skipped' }),
    );
    expect(performance.now() - before).toBeLessThan(1000);
    expect(kept.count).toBe(0);
    const nearby = advanceSending(a, associated, NOW);
    expect(advanceReceiving(b, kept, nearby.header, associated, NOW).messageKey).toEqual(nearby.messageKey);
  });
});
