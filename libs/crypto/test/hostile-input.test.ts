/** Everything that reads bytes from a stranger or from a disk: a `CryptoError`, never a crash, never a wrong success. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  CryptoError,
  openState,
  packContent,
  PairSession,
  readEnvelope,
  ReceivedSenderKey,
  sealState,
  SenderKey,
  unpackContent,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { readHeader, writeHeader } from '../src/ratchet-header.js';
import { Device, met, NOW, plain, roundTrip, text } from './devices.js';

beforeAll(ready);

const KEY = new Uint8Array(32).fill(8);

function usedSession(): PairSession {
  const pair = met();
  roundTrip(pair);
  for (let count = 0; count < 3; count++) pair.a.encrypt(text(''), NOW);
  pair.b.decrypt(pair.a.encrypt(text('x'), NOW), NOW);
  pair.a.decrypt(pair.b.encrypt(text('x'), NOW + 90_000_000), NOW + 90_000_000);
  return pair.b;
}

function usedReceivedKey(): ReceivedSenderKey {
  const key = SenderKey.create(NOW);
  const received = ReceivedSenderKey.from(key.start(), NOW);
  received.open(5, NOW, () => true);
  return received;
}

// Name, a form, the decoder, and how many bytes at the end may be missing (a sealed body has no length of its own).
const decoders: [string, () => Uint8Array, (bytes: Uint8Array) => unknown, number][] = [
  ['PairSession.deserialize', () => usedSession().serialize(), (bytes) => PairSession.deserialize(bytes), 0],
  ['SenderKey.deserialize', () => SenderKey.create(NOW).serialize(), (bytes) => SenderKey.deserialize(bytes), 0],
  [
    'ReceivedSenderKey.deserialize',
    () => usedReceivedKey().serialize(),
    (bytes) => ReceivedSenderKey.deserialize(bytes),
    0,
  ],
  ['openState', () => sealState(KEY, 'x', text('state')), (bytes) => openState(KEY, 'x', bytes), 0],
  ['unpackContent', () => packContent(text('a'.repeat(2000))), (bytes) => unpackContent(bytes), 0],
  ['readEnvelope', () => initialMessage().message, (bytes) => readEnvelope(bytes), 17],
  [
    'readHeader',
    () =>
      writeHeader({ ratchetKey: KEY, previousCount: 1, n: 2, kem: { kind: 'publicKey', bytes: new Uint8Array(1184) } }),
    (bytes) => readHeader(bytes),
    0,
  ],
];

function initialMessage() {
  const [alice, bob] = [new Device('alice'), new Device('bob')];
  const message = PairSession.initiate(alice.party, bob.party, bob.bundle(), NOW).encrypt(text('x'), NOW);
  return { alice, bob, message };
}

function onlyCryptoErrors(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(CryptoError);
  }
}

describe.each(decoders)('%s', (_, sample, decode, tail) => {
  it('reads its own form, and nothing that is shorter', () => {
    const form = sample();
    decode(form);
    for (let length = 0; length < form.length - tail; length += 1 + Math.floor(form.length / 400)) {
      expect(() => decode(form.subarray(0, length))).toThrow(CryptoError);
    }
  });

  it('answers random bytes with a CryptoError at most', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, versioned) => {
        if (versioned && bytes.length > 0) bytes[0] = 1;
        onlyCryptoErrors(() => decode(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it('answers changed forms with a CryptoError at most', () => {
    const form = sample();
    const change = fc.tuple(fc.nat(form.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(3), (changes, extra) => {
        const changed = new Uint8Array(form.length + extra);
        changed.set(form);
        for (const [at, value] of changes) changed[at] = value;
        onlyCryptoErrors(() => decode(changed));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a changed serialised session', () => {
  it('never makes anything but a CryptoError of what comes after', () => {
    const pair = met();
    const [form, message] = [pair.b.serialize(), pair.a.encrypt(text('x'), NOW)];
    fc.assert(
      fc.property(fc.nat(form.length - 1), fc.nat(255), (at, value) => {
        const changed = form.slice();
        changed[at] = value;
        onlyCryptoErrors(() => {
          const session = PairSession.deserialize(changed);
          onlyCryptoErrors(() => session.decrypt(message, NOW));
          session.encrypt(text('y'), NOW);
          session.serialize();
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe('[DCP-6.3-01] tampering', () => {
  it('a changed bit in any part of an initial message is refused', () => {
    const { alice, bob, message } = initialMessage();
    for (let at = 0; at < message.length; at += at < 120 || at > 1180 ? 1 : 37) {
      const changed = message.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at & 7));
      expect(() => bob.accept(alice, changed)).toThrow(CryptoError);
    }
    expect(plain(bob.accept(alice, message).plaintext)).toBe('x');
  });

  it('a changed bit in any part of a ratchet message is refused, and the message still opens', () => {
    const pair = met();
    roundTrip(pair);
    const message = pair.a.encrypt(text('some words'), NOW);
    const before = pair.b.serialize();
    for (let at = 0; at < message.length; at++) {
      for (const bit of [0, 7]) {
        const changed = message.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(() => pair.b.decrypt(changed, NOW)).toThrow(CryptoError);
      }
    }
    expect(pair.b.serialize()).toEqual(before);
    expect(plain(pair.b.decrypt(message, NOW))).toBe('some words');
  });

  it('cut and lengthened messages are refused', () => {
    const pair = met();
    const message = pair.a.encrypt(text('some words'), NOW);
    for (let length = 0; length < message.length; length++) {
      expect(() => pair.b.decrypt(message.subarray(0, length), NOW)).toThrow(CryptoError);
    }
    expect(() => pair.b.decrypt(Uint8Array.of(...message, 0), NOW)).toThrow(CryptoError);
  });

  it('headers and bodies of two messages cannot be joined', () => {
    const pair = met();
    roundTrip(pair);
    const [one, two] = [pair.a.encrypt(text('1'), NOW), pair.a.encrypt(text('2'), NOW)];
    const mixed = Uint8Array.of(...one.subarray(0, one.length - 17), ...two.subarray(two.length - 17));
    expect(() => pair.b.decrypt(mixed, NOW)).toThrow(expect.objectContaining({ code: 'decryption_failed' }));
  });
});
