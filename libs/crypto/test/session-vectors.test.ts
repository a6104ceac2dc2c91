/**
 * Recomputes `vectors/pair-session.json`. They were made by a second implementation in
 * another language from the descriptions in this package; here every byte has to come out again.
 */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { associatedData } from '../src/associated-data.js';
import { handshakeKeys } from '../src/handshake-keys.js';
import {
  fromHex,
  type OwnParty,
  PairSession,
  type PrekeyBundle,
  type PrekeySecrets,
  SecretBytes,
  toHex,
  toUtf8,
  x25519PublicKey,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { javaScriptPostQuantum, usePostQuantum } from '../src/post-quantum-engine.js';
import { useRandom } from '../src/random-source.js';
import { withDraws } from './draws.js';
import { type HandshakeVector, type Hex, pairSession, type PartyVector } from './session-vectors.js';

beforeAll(ready);
afterEach(() => useRandom());

describe.each(pairSession.sessions)('vectors/pair-session.json: $name', ({ handshake, first_draws, events }) => {
  const parties = () => [partyOf(handshake.initiator), partyOf(handshake.responder)] as const;

  // Only this engine draws its ML-KEM randomness where a test can give it.
  beforeAll(() => usePostQuantum(javaScriptPostQuantum));

  it('[DCP-6.3-02] [DCCP-SEC-04] the first keys', () => {
    const [initiator, responder] = parties();
    const kem = handshake.prekeys.ml_kem;
    const associated = associatedData(initiator, responder, kem && fromHex(kem.public_key));
    expect(toHex(associated)).toBe(handshake.associated_data);
    const secret = handshake.ml_kem_secret;
    const keys = handshakeKeys(
      { dh: handshake.dh.map(fromHex), kem: secret === undefined ? undefined : fromHex(secret) },
      associated,
    );
    expect(Object.values(keys).map((key: Uint8Array | string) => (typeof key === 'string' ? key : toHex(key)))).toEqual(
      [handshake.root_key, handshake.initiator_header_key, handshake.responder_next_header_key, handshake.session_id],
    );
  });

  it('[DCP-6.3-03] [DCCP-SEC-01] every message of the transcript, byte for byte', () => {
    const [initiator, responder] = parties();
    const { bundle, secrets } = prekeysOf(handshake.prekeys);
    const now = events[0]?.now ?? 0;
    const begin = () => PairSession.initiate(initiator, responder, bundle, now);
    const sessions = {
      initiator: withDraws(drawsOf(first_draws), begin),
      responder: undefined as PairSession | undefined,
    };
    expect(sessions.initiator.id).toBe(handshake.session_id);
    const sent: Uint8Array[] = [];
    for (const event of events) {
      if (event.event === 'send') {
        const session = sessions[event.by] ?? sessions.initiator;
        const message = withDraws(drawsOf(event.draws), () => session.encrypt(toUtf8(event.plaintext), event.now));
        expect(toHex(message)).toBe(event.message);
        sent.push(message);
        continue;
      }
      const message = sent[event.message_number] ?? new Uint8Array(0);
      const session = sessions[event.by];
      if (session === undefined) {
        const accepted = PairSession.accept(responder, initiator, bundle.epoch, secrets, message, event.now);
        sessions.responder = accepted.session;
        expect(accepted.session.id).toBe(handshake.session_id);
        expect(toHex(accepted.plaintext)).toBe(toHex(toUtf8(event.plaintext)));
      } else {
        expect(toHex(session.decrypt(message, event.now))).toBe(toHex(toUtf8(event.plaintext)));
      }
    }
  });
});

function drawsOf(draws: Readonly<Record<string, Hex>>): Hex[] {
  return Object.values(draws);
}

function partyOf(vector: PartyVector): OwnParty {
  const { user_id, device, signing_key, exchange_key, exchange_secret, post_quantum } = vector;
  expect(toHex(x25519PublicKey(fromHex(exchange_secret)))).toBe(exchange_key);
  return {
    userId: user_id,
    device,
    signingKey: fromHex(signing_key),
    exchangeKey: fromHex(exchange_key),
    exchangeSecret: new SecretBytes(fromHex(exchange_secret)),
    postQuantum: post_quantum,
  };
}

function prekeysOf({ epoch, signed, one_time, ml_kem }: HandshakeVector['prekeys']): {
  bundle: PrekeyBundle;
  secrets: PrekeySecrets;
} {
  return {
    bundle: {
      epoch,
      signed: { id: signed.id, key: fromHex(signed.public_key) },
      oneTime: one_time && { id: one_time.id, key: fromHex(one_time.public_key) },
      kem: ml_kem && { id: ml_kem.id, key: fromHex(ml_kem.public_key) },
    },
    secrets: {
      signed: (id) => (id === signed.id ? fromHex(signed.private_key) : undefined),
      oneTime: (id) => (one_time && id === one_time.id ? fromHex(one_time.private_key) : undefined),
      kem: (id) => (ml_kem && id === ml_kem.id ? fromHex(ml_kem.seed) : undefined),
    },
  };
}
