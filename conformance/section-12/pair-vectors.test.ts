import { describe, expect, it } from '@jest/globals';
import { ExchangeKey, KemKey } from '../stranger/agreement-keys.js';
import { at, type Dict } from '../stranger/json.js';
import {
  acceptSession,
  beginSession,
  type OwnPrekeys,
  type PairKeys,
  pairKeys,
  type PairParty,
} from '../stranger/pair-session.js';
import type { Draws, Ratchet } from '../stranger/ratchet.js';
import { hex, hexAt, vectors } from '../stranger/vectors.js';

type Texts = Record<string, string>;

interface PairEvent {
  event: 'send' | 'receive';
  by: 'initiator' | 'responder';
  now: number;
  plaintext: string;
  message: string;
  message_number: number;
  draws: Texts;
}

interface PairVector {
  name: string;
  handshake: Dict & { initiator: Dict; responder: Dict; prekeys: Dict & { epoch: number } };
  first_draws: Texts;
  events: PairEvent[];
}

function party(value: Dict): PairParty {
  const [userId, device] = [String(value['user_id']), String(value['device'])];
  return { userId, device, signingKey: hexAt(value, 'signing_key'), exchangeKey: hexAt(value, 'exchange_key') };
}

function secretAt(value: unknown, path: string): ExchangeKey {
  return new ExchangeKey(hexAt(value, path));
}

describe('§12.2 the sessions of two devices', () => {
  const { sessions } = vectors<{ sessions: PairVector[] }>('pair-session');

  it.each(sessions)(
    '[DCP-6.3-02] $name: the responder opens the first messages, and nothing that was changed',
    (one) => {
      const { handshake, events } = one;
      const [initiator, responder] = [party(handshake.initiator), party(handshake.responder)];
      for (const { message, plaintext } of events.slice(0, 2)) {
        const accepted = acceptSession(hex(message), initiator, responder, ownPrekeys(one));
        expectKeys(accepted.keys, handshake);
        expect(accepted.handshake.epoch).toBe(handshake.prekeys.epoch);
        expect(accepted.session.open(hex(message)).toString()).toBe(plaintext);
        const forged = hex(message);
        forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
        expect(() => acceptSession(forged, initiator, responder, ownPrekeys(one)).session.open(forged)).toThrow();
        // The parties are in the associated data: nobody else can be put in their places.
        const other = acceptSession(
          hex(message),
          { ...initiator, userId: 'a7f3k9m2.mallory' },
          responder,
          ownPrekeys(one),
        );
        expect(() => other.session.open(hex(message))).toThrow();
      }
    },
  );

  it.each(sessions)('$name: both sides, message by message', (one) => {
    const sides: Partial<Record<PairEvent['by'], Ratchet>> = { initiator: begun(one) };
    const { events, handshake } = one;
    const sent = events.flatMap(({ event, message }) => (event === 'send' ? [hex(message)] : []));
    for (const { event, by, now, plaintext, message, message_number, draws } of events) {
      const bytes = sent[message_number] ?? hex(message ?? '');
      sides[by] ??= acceptSession(
        bytes,
        party(handshake.initiator),
        party(handshake.responder),
        ownPrekeys(one),
        now,
      ).session;
      const side = sides[by];
      if (event === 'receive') expect(side.open(bytes, now).toString()).toBe(plaintext);
      else expect(side.send(Buffer.from(plaintext), now, drawn(draws, side, bytes, one)).toString('hex')).toBe(message);
    }
  });

  it('low-order points are refused', () => {
    const points = ['00'.repeat(32), `01${'00'.repeat(31)}`, LOW_ORDER];
    for (const point of points) expect(() => new ExchangeKey().agree(hex(point))).toThrow();
  });
});

const LOW_ORDER = 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800';

function ownPrekeys({ handshake: { prekeys, responder } }: PairVector): OwnPrekeys {
  return {
    exchange: secretAt(responder, 'exchange_secret'),
    signed: secretAt(prekeys, 'signed.private_key'),
    ...('one_time' in prekeys ? { oneTime: secretAt(prekeys, 'one_time.private_key') } : {}),
    ...('ml_kem' in prekeys ? { kem: new KemKey(hexAt(prekeys, 'ml_kem.seed')) } : {}),
  };
}

/** The initiator's side; node:crypto draws its own randomness when it encapsulates, so the secret is the vector's. */
function begun({ handshake, first_draws, events }: PairVector): Ratchet {
  const { prekeys, initiator, responder } = handshake;
  const [exchange, ephemeral] = [
    secretAt(initiator, 'exchange_secret'),
    secretAt(first_draws, 'ephemeral_private_key'),
  ];
  const signed = hexAt(prekeys, 'signed.public_key');
  const oneTime = 'one_time' in prekeys ? hexAt(prekeys, 'one_time.public_key') : undefined;
  const fourth = oneTime === undefined ? [] : [ephemeral.agree(oneTime)];
  const second = ephemeral.agree(hexAt(responder, 'exchange_key'));
  const dhs = [exchange.agree(signed), second, ephemeral.agree(signed), ...fourth];
  const named = { epoch: prekeys.epoch, signedId: Number(at(prekeys, 'signed.id')) };
  const once = oneTime === undefined ? {} : { oneTimeId: Number(at(prekeys, 'one_time.id')) };
  const keys = pairKeys(party(initiator), party(responder), dhs, kemOf(handshake));
  expectKeys(keys, handshake);
  const first = events[0]?.message ?? '';
  const kem = 'ml_kem' in prekeys ? { kem: kemIn(first, oneTime !== undefined) } : {};
  const said = { ...named, ...once, ...kem, exchangeKey: exchange.raw, ephemeral: ephemeral.raw };
  return beginSession(keys, said, signed, events[0]?.now);
}

function kemOf({ prekeys, ...handshake }: PairVector['handshake']): { key: Buffer; secret: Buffer } | undefined {
  if (!('ml_kem' in prekeys)) return undefined;
  return { key: new KemKey(hexAt(prekeys, 'ml_kem.seed')).raw, secret: hexAt(handshake, 'ml_kem_secret') };
}

function kemIn(message: string, withOneTime: boolean): { id: number; ciphertext: Buffer } {
  const bytes = hex(message).subarray(2 + 4 + 4 + (withOneTime ? 5 : 1) + 1);
  return { id: bytes.readUInt32BE(), ciphertext: bytes.subarray(4, 4 + 1_088) };
}

/** What a message of a vector draws. A ciphertext is read out of the vector's own header, its secret with the key that asked for it. */
function drawn(draws: Texts, side: Ratchet, message: Buffer, { first_draws, events }: PairVector): Draws {
  const isFirst = events[0]?.draws === draws;
  const ratchet = isFirst ? first_draws['ratchet_private_key'] : draws['ratchet_private_key'];
  const seed = events.find((event) => event.draws?.['ml_kem_seed'] !== undefined)?.draws['ml_kem_seed'] ?? '';
  const ciphertext = 'ml_kem_message' in draws ? side.nextHeader(message).subarray(-1_088) : undefined;
  return {
    headerNonce: hexAt(draws, 'header_nonce'),
    ...(ratchet === undefined ? {} : { ratchet: new ExchangeKey(hex(ratchet)) }),
    ...('ml_kem_seed' in draws ? { kem: new KemKey(hex(seed)) } : {}),
    ...(ciphertext === undefined
      ? {}
      : { encapsulation: { ciphertext, secret: new KemKey(hex(seed)).open(ciphertext) } }),
  };
}

function expectKeys(keys: PairKeys, handshake: Dict): void {
  const names = {
    associatedData: 'associated_data',
    secret: 'secret_key',
    root: 'root_key',
    headerKey: 'initiator_header_key',
    nextHeaderKey: 'responder_next_header_key',
    sessionId: 'session_id',
  } as const;
  for (const [name, vector] of Object.entries(names)) {
    expect({ name, hex: keys[name as keyof typeof names].toString('hex') }).toEqual({ name, hex: handshake[vector] });
  }
}
