import { createHash, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  checkMove,
  isNewerMove,
  MOVE_FORWARD_MS,
  moveInError,
  moveSigningInput,
  userMoved,
  type MovedTo,
} from './move.js';

interface Pair {
  text: string;
  privateKey: KeyObject;
}

function pair(): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return { text: `ed25519:${raw.toString('base64')}`, privateKey };
}

const digest = (preimage: Uint8Array) => createHash('sha256').update(preimage).digest();
const signed = ({ privateKey }: Pair, object: object) =>
  `ed25519:${sign(null, digest(moveSigningInput(object)), privateKey).toString('base64')}`;

function verifyText(key: string, preimage: Uint8Array, signature: string): boolean {
  const x = Buffer.from(key.slice(8), 'base64').toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, digest(preimage), publicKey, Buffer.from(signature.slice(8), 'base64'));
}

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const [old, next, stranger] = [pair(), pair(), pair()];
const OBJECT = {
  user_id: 'a7f3k9m2.anna-7x9k',
  to: 'b2m4n6p8.anna-k2m4',
  identity_key: next.text,
  via: 'chat.example.com',
  issued: '2026-01-01T00:00:00.000Z',
};

function record(changes: object = {}, by = old, accepting = next): MovedTo {
  const object = { ...OBJECT, ...changes };
  return { ...object, signature: signed(by, object), accepted: signed(accepting, object) } as MovedTo;
}

const check = (value: unknown, more: { userId?: string; identityKey?: string; now?: number } = {}) =>
  checkMove(value, { userId: OBJECT.user_id, identityKey: old.text, now: NOW, verify: verifyText, ...more });

describe('the record of a move', () => {
  it('is believed when both accounts have signed it, unknown members included', () => {
    expect(check(record())).toEqual(record());
    expect(check(record({ note: 'x' }))).toHaveProperty('note', 'x');
    const { via: _via, ...without } = OBJECT;
    const bare = { ...without, signature: signed(old, without), accepted: signed(next, without) };
    expect(check(bare)).toEqual(bare);
  });

  it('each altered member breaks both signatures', () => {
    const changes: Partial<MovedTo>[] = [
      { to: 'b2m4n6p8.mallory' },
      { identity_key: stranger.text },
      { via: 'elsewhere.example.com' },
      { issued: '2026-01-01T00:00:01.000Z' },
      { note: 'added' },
    ];
    for (const change of changes) {
      const altered = { ...record(), ...change };
      expect(check(altered)).toBe('bad_signature');
      // The old account may say so, but the new one has agreed to something else.
      expect(check({ ...altered, signature: signed(old, without(altered)) })).toBe('no_consent');
    }
    expect(check({ ...record(), user_id: 'a7f3k9m2.somebody' })).toBe('other_user');
    const { via: _via, ...cut } = record();
    expect(check(cut)).toBe('bad_signature');
  });

  it('nobody else can sign it, and the key is the pinned one, whatever the record says', () => {
    expect(check(record({}, stranger))).toBe('bad_signature');
    expect(check(record({}, next))).toBe('bad_signature');
    expect(check(record(), { identityKey: stranger.text })).toBe('bad_signature');
    expect(check(record({ identity_key: stranger.text }, stranger, stranger))).toBe('bad_signature');
  });

  it('nobody is made a successor who has not agreed', () => {
    const { accepted: _accepted, ...silent } = record();
    expect(check(silent)).toBe('bad_record');
    expect(check(record({}, old, old))).toBe('no_consent');
    expect(check(record({}, old, stranger))).toBe('no_consent');
    expect(check({ ...record(), accepted: record().signature })).toBe('no_consent');
  });

  it('a signature of another kind or of swapped roles is none', () => {
    const { accepted, signature } = record();
    expect(check({ ...record(), accepted: signature, signature: accepted })).toBe('bad_signature');
    expect(check({ ...record(), signature: 'ed25519:AAAA' })).toBe('bad_signature');
  });

  it('leads to another node, never to itself or a neighbour', () => {
    expect(check(record({ to: OBJECT.user_id }))).toBe('bad_record');
    expect(check(record({ to: 'a7f3k9m2.anna-home' }))).toBe('bad_record');
  });

  it('is good for 90 days, and not before it was signed', () => {
    expect(check(record(), { now: NOW + MOVE_FORWARD_MS - 1 })).toEqual(record());
    expect(check(record(), { now: NOW + MOVE_FORWARD_MS })).toBe('expired');
    expect(check(record(), { now: NOW - 4 * 60_000 })).toEqual(record());
    expect(check(record(), { now: NOW - 6 * 60_000 })).toBe('in_the_future');
  });

  it('what is no record is none', () => {
    for (const value of [undefined, null, 7, 'x', [], {}, { ...record(), issued: 'now' }, { ...record(), to: 'b' }])
      expect(check(value)).toBe('bad_record');
    expect(check(record({ note: 'x'.repeat(1_000) }))).toBe('bad_record');
  });

  it('gives way to a later one only', () => {
    const [first, later] = [record(), record({ issued: '2026-01-01T00:00:00.001Z' })];
    expect(isNewerMove(first, undefined)).toBe(true);
    expect(isNewerMove(later, first)).toBe(true);
    expect(isNewerMove(first, first)).toBe(false);
    expect(isNewerMove(first, later)).toBe(false);
  });

  it('[DCP-14.2-09] travels in the error that says that somebody is no longer here', () => {
    const error = userMoved(record());
    expect({ number: error.number, reason: error.details['reason'] }).toEqual({ number: 2003, reason: 'moved' });
    expect(moveInError(error)).toEqual(record());
    expect(moveInError({ code: 'USER_NOT_FOUND', details: {} })).toBeUndefined();
    expect(moveInError({ code: 'CONFLICT', details: error.details })).toBeUndefined();
  });
});

function without({ signature: _signature, accepted: _accepted, ...object }: MovedTo): object {
  return object;
}
