/** Keys of a session are zeroed when their time is over, and not before. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { advanceReceiving, advanceSending, startInitiator, startResponder } from '../src/double-ratchet.js';
import { handshakeKeys } from '../src/handshake-keys.js';
import { generateX25519KeyPair } from '../src/index.js';
import { ready } from '../src/index.node.js';
import { type RatchetState, secretsOf } from '../src/ratchet-state.js';
import {
  keepReceived,
  newContents,
  replaceRatchet,
  type SessionContents,
  undoReceived,
  wipeContents,
} from '../src/session-contents.js';
import { NOW } from './devices.js';

beforeAll(ready);

const associated = new Uint8Array(32).fill(1);
const DAY = 24 * 60 * 60 * 1000;

function contentsOf(ratchet: RatchetState): SessionContents {
  return newContents('00'.repeat(16), associated, ratchet, NOW, undefined);
}

function pair(): { a: SessionContents; b: SessionContents } {
  const keys = () => handshakeKeys({ dh: [new Uint8Array(32).fill(2)], kem: new Uint8Array(32).fill(3) }, associated);
  const prekey = generateX25519KeyPair();
  const own = { publicKey: prekey.publicKey, privateKey: prekey.privateKey.reveal().slice() };
  return {
    a: contentsOf(startInitiator(keys(), prekey.publicKey, true, NOW)),
    b: contentsOf(startResponder(keys(), own, true, NOW)),
  };
}

function isZero(secret: Uint8Array): boolean {
  return secret.every((byte) => byte === 0);
}

/** Sends and receives; checks on each side that exactly what is no longer in use has been zeroed. */
function carry(from: SessionContents, to: SessionContents, now: number, lost = 0): void {
  let header: Uint8Array = new Uint8Array(0);
  for (let count = 0; count <= lost; count++) {
    checkWiped(from, () => {
      const sent = advanceSending(from.ratchet, associated, now);
      header = sent.header;
      replaceRatchet(from, sent.next);
    });
  }
  checkWiped(to, () => {
    keepReceived(to, advanceReceiving(to.ratchet, to.skipped, header, associated, now), now);
  });
}

function checkWiped(contents: SessionContents, step: () => void): void {
  const before = secretsOf(contents.ratchet);
  expect(before.some(isZero)).toBe(false);
  step();
  const inUse = new Set(secretsOf(contents.ratchet));
  expect([...inUse].some(isZero)).toBe(false);
  for (const secret of before) expect(isZero(secret)).toBe(!inUse.has(secret));
}

describe('[DCP-12.2-02] a ratchet', () => {
  it('wipes what each step replaces, ML-KEM seeds too', () => {
    const { a, b } = pair();
    for (let turn = 0; turn < 8; turn++) {
      carry(turn % 2 === 0 ? a : b, turn % 2 === 0 ? b : a, NOW + turn * DAY, turn % 3);
    }
    expect(b.skipped.count + a.skipped.count).toBe(7);
  });

  it('has no private ratchet key after it has received an answer, until it sends', () => {
    const { a, b } = pair();
    expect(b.ratchet.own).toBeDefined();
    carry(a, b, NOW);
    expect(b.ratchet.own).toBeUndefined();
    carry(b, a, NOW);
    expect([a.ratchet.own === undefined, b.ratchet.own === undefined]).toEqual([true, false]);
  });

  it('wipes what it derived for a message that does not open, and nothing else', () => {
    const { a, b } = pair();
    const lost = advanceSending(a.ratchet, associated, NOW);
    const sent = advanceSending(lost.next, associated, NOW);
    const received = advanceReceiving(b.ratchet, b.skipped, sent.header, associated, NOW);
    if (received.kind === 'kept') throw new Error('a new message');
    const derived = secretsOf(received.next).filter((secret) => !secretsOf(b.ratchet).includes(secret));
    const jumped = received.skipped.flatMap(({ keys }) => keys);
    expect([derived.length, jumped.length, [...derived, ...jumped].some(isZero)]).toEqual([3, 1, false]);
    undoReceived(b, received);
    expect([...derived, ...jumped].every(isZero)).toBe(true);
    expect(secretsOf(b.ratchet).some(isZero)).toBe(false);
    keepReceived(b, advanceReceiving(b.ratchet, b.skipped, sent.header, associated, NOW), NOW);
  });

  it('is all zeros when the session is wiped', () => {
    const { a, b } = pair();
    carry(a, b, NOW, 3);
    const header = b.skipped.headerKeys()[0];
    const kept = header && b.skipped.get(header, 1);
    const secrets = [...secretsOf(b.ratchet), ...(header ? [header] : []), ...(kept ? [kept] : [])];
    expect(secrets.length).toBeGreaterThan(6);
    wipeContents(b);
    expect(secrets.every(isZero)).toBe(true);
    expect(b.skipped.count).toBe(0);
  });

  it('zeroes a kept key when it is used or has expired', () => {
    const { a, b } = pair();
    carry(a, b, NOW, 2);
    const header = b.skipped.headerKeys()[0] ?? new Uint8Array(0);
    const [first, second] = [b.skipped.get(header, 0), b.skipped.get(header, 1)];
    b.skipped.remove(header, 0);
    expect([first && isZero(first), second && isZero(second), isZero(header)]).toEqual([true, false, false]);
    b.skipped.dropOld(NOW + 8 * DAY);
    expect([second && isZero(second), isZero(header), b.skipped.headerKeys().length]).toEqual([true, true, 0]);
  });
});
