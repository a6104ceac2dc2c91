import { createHash } from 'node:crypto';
import type { ExchangeKey, KemKey } from './agreement-keys.js';
import { block, ByteReader, opt } from './encodings.js';
import { type Handshake, readHandshake } from './handshake.js';
import { Ratchet } from './ratchet.js';
import { hkdf } from './sealed-message.js';

/** The beginning of a session between two devices, from the protocol's page: X3DH or PQXDH. */

const LABEL = 'DCP-PAIR-V1_CURVE25519_SHA-256';

export interface PairParty {
  userId: string;
  device: string;
  /** Raw keys. */
  signingKey: Buffer;
  exchangeKey: Buffer;
}

export interface PairKeys {
  associatedData: Buffer;
  secret: Buffer;
  root: Buffer;
  headerKey: Buffer;
  nextHeaderKey: Buffer;
  sessionId: Buffer;
}

/** `kem`: the responder's public ML-KEM prekey and the shared secret. */
export function pairKeys(a: PairParty, b: PairParty, dhs: Buffer[], kem?: { key: Buffer; secret: Buffer }): PairKeys {
  const label = Buffer.from('DCP-PAIR-AD-V1\0');
  const known = [label, partyBytes(a), partyBytes(b), opt(kem && block(kem.key))];
  const associatedData = createHash('sha256').update(Buffer.concat(known)).digest();
  const input = Buffer.concat([Buffer.alloc(32, 0xff), ...dhs, ...(kem === undefined ? [] : [kem.secret])]);
  const secret = hkdf(input, kem === undefined ? LABEL : `${LABEL}_ML-KEM-768`);
  const info = Buffer.concat([Buffer.from('DCP-PAIR-KEYS-V1\0'), associatedData]);
  const keys = new ByteReader(hkdf(secret, info, 112));
  const [root, headerKey, nextHeaderKey] = [keys.take(32), keys.take(32), keys.take(32)];
  return { associatedData, secret, root, headerKey, nextHeaderKey, sessionId: keys.take(16) };
}

function partyBytes({ userId, device, signingKey, exchangeKey }: PairParty): Buffer {
  return Buffer.concat([block(userId), block(device), block(signingKey), block(exchangeKey)]);
}

/** The initiator's side, whose ratchet begins with the responder's signed prekey. */
export function beginSession(keys: PairKeys, handshake: Handshake, signedPrekey: Buffer, now = Date.now()): Ratchet {
  const { associatedData, root, headerKey: nextSendHeader, nextHeaderKey: nextReceiveHeader } = keys;
  const postQuantum = handshake.kem !== undefined;
  return new Ratchet({
    associatedData,
    root,
    nextSendHeader,
    nextReceiveHeader,
    theirs: signedPrekey,
    handshake,
    postQuantum,
    now,
  });
}

/** The private prekeys that a handshake names. */
export interface OwnPrekeys {
  exchange: ExchangeKey;
  signed: ExchangeKey;
  oneTime?: ExchangeKey | undefined;
  kem?: KemKey | undefined;
}

export interface Accepted {
  handshake: Handshake;
  keys: PairKeys;
  session: Ratchet;
}

/** The responder's side: what a first message begins. It is proven when the session opens the message. */
export function acceptSession(bytes: Buffer, a: PairParty, b: PairParty, own: OwnPrekeys, now = Date.now()): Accepted {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 1 || reader.u8() !== 1) throw new Error('not a first message');
  const handshake = readHandshake(reader);
  const keys = acceptedKeys(handshake, a, b, own);
  const { associatedData, root, headerKey: nextReceiveHeader, nextHeaderKey: nextSendHeader } = keys;
  const postQuantum = handshake.kem !== undefined;
  const session = new Ratchet({
    associatedData,
    root,
    nextSendHeader,
    nextReceiveHeader,
    own: own.signed,
    postQuantum,
    now,
  });
  return { handshake, keys, session };
}

function acceptedKeys(
  { exchangeKey, ephemeral, kem }: Handshake,
  a: PairParty,
  b: PairParty,
  own: OwnPrekeys,
): PairKeys {
  const fourth = own.oneTime === undefined ? [] : [own.oneTime.agree(ephemeral)];
  const dhs = [own.signed.agree(exchangeKey), own.exchange.agree(ephemeral), own.signed.agree(ephemeral), ...fourth];
  if (kem === undefined || own.kem === undefined) return pairKeys(a, b, dhs);
  return pairKeys(a, b, dhs, { key: own.kem.raw, secret: own.kem.open(kem.ciphertext) });
}
