/**
 * The first agreement between two devices that never met: X3DH ("The X3DH Key Agreement Protocol", Signal, revision 1),
 * and PQXDH ("The PQXDH Key Agreement Protocol", revision 3) whenever both devices have ML-KEM. The device's exchange key
 * is the identity key of the documents.
 *
 *   DH1 = DH(exchange A, signed prekey B)     DH2 = DH(ephemeral A, exchange B)
 *   DH3 = DH(ephemeral A, signed prekey B)    DH4 = DH(ephemeral A, one-time prekey B), if there was one
 *
 * Dangers: without a one-time prekey an initial message can be replayed (compare session ids); whoever leaves out the
 * KEM for a pair of devices that both have it lets a later quantum computer in, so that is refused on both sides.
 */
import { associatedData } from './associated-data.js';
import { CryptoError, requireLength } from './crypto-error.js';
import { constantTimeEqual } from './constant-time.js';
import { type Handshake, writeHandshake } from './envelope.js';
import { type HandshakeKeys, handshakeKeys } from './handshake-keys.js';
import { generateMlKemKeyPair, mlKemDecapsulate, mlKemEncapsulate } from './ml-kem-768.js';
import type { OwnParty, Party } from './party.js';
import type { PrekeyBundle, PrekeySecrets } from './prekeys.js';
import { revealed, type Secret } from './secret-bytes.js';
import { generateX25519KeyPair, x25519SharedSecret } from './x25519.js';

export interface Agreement {
  readonly keys: HandshakeKeys;
  readonly associated: Uint8Array;
  readonly postQuantum: boolean;
}

/** The initiator's side. `handshake` stands before its messages. Throws `downgrade`, `invalid_key`, `invalid_length`. */
export function initiateHandshake(
  own: OwnParty,
  peer: Party,
  bundle: PrekeyBundle,
): Agreement & { handshake: Uint8Array } {
  checkParty(own);
  checkParty(peer);
  const kemPrekey = own.postQuantum && peer.postQuantum ? requiredKem(bundle) : undefined;
  const ephemeral = generateX25519KeyPair();
  const kem = kemPrekey && { id: kemPrekey.id, ...mlKemEncapsulate(kemPrekey.key) };
  const dh = [
    x25519SharedSecret(own.exchangeSecret, bundle.signed.key),
    x25519SharedSecret(ephemeral.privateKey, peer.exchangeKey),
    x25519SharedSecret(ephemeral.privateKey, bundle.signed.key),
    ...(bundle.oneTime === undefined ? [] : [x25519SharedSecret(ephemeral.privateKey, bundle.oneTime.key)]),
  ];
  ephemeral.privateKey.wipe();
  const associated = associatedData(own, peer, kemPrekey?.key);
  const handshake = writeHandshake({
    epoch: bundle.epoch,
    signedId: bundle.signed.id,
    oneTimeId: bundle.oneTime?.id,
    kem,
    exchangeKey: own.exchangeKey,
    ephemeralKey: ephemeral.publicKey,
  });
  const keys = handshakeKeys({ dh, kem: kem?.sharedSecret }, associated);
  return { keys, associated, postQuantum: kem !== undefined, handshake };
}

/**
 * The responder's side. Throws `unknown_prekey` (another epoch, or a prekey that was used up), `downgrade`,
 * `decryption_failed` (another device's exchange key), `invalid_key`.
 */
export function acceptHandshake(
  own: OwnParty,
  peer: Party,
  epoch: number,
  secrets: PrekeySecrets,
  handshake: Handshake,
): Agreement & { signedPrekey: Uint8Array } {
  checkParty(own);
  checkParty(peer);
  checkHandshake(own, peer, epoch, handshake);
  const signed = known(secrets.signed(handshake.signedId));
  const oneTime = handshake.oneTimeId === undefined ? undefined : known(secrets.oneTime(handshake.oneTimeId));
  const kemSeed = handshake.kem === undefined ? undefined : known(secrets.kem(handshake.kem.id));
  const dh = [
    x25519SharedSecret(signed, peer.exchangeKey),
    x25519SharedSecret(own.exchangeSecret, handshake.ephemeralKey),
    x25519SharedSecret(signed, handshake.ephemeralKey),
    ...(oneTime === undefined ? [] : [x25519SharedSecret(oneTime, handshake.ephemeralKey)]),
  ];
  const kem = kemSeed && handshake.kem ? mlKemDecapsulate(kemSeed, handshake.kem.ciphertext) : undefined;
  const associated = associatedData(peer, own, kemSeed && kemPublicKey(kemSeed));
  const keys = handshakeKeys({ dh, kem }, associated);
  return { keys, associated, postQuantum: kem !== undefined, signedPrekey: revealed(signed).slice() };
}

function requiredKem(bundle: PrekeyBundle): NonNullable<PrekeyBundle['kem']> {
  if (bundle.kem === undefined) throw new CryptoError('downgrade', 'the bundle lacks the ML-KEM prekey of this device');
  return bundle.kem;
}

function checkHandshake(own: Party, peer: Party, epoch: number, handshake: Handshake): void {
  if (!constantTimeEqual(handshake.exchangeKey, peer.exchangeKey)) {
    throw new CryptoError('decryption_failed', 'the message is from another device');
  }
  if (own.postQuantum && peer.postQuantum && handshake.kem === undefined) {
    throw new CryptoError('downgrade', 'the message was made without ML-KEM');
  }
  if (handshake.epoch !== epoch) throw new CryptoError('unknown_prekey', 'the message uses prekeys of another epoch');
}

function known(secret: Secret | undefined): Secret {
  if (secret === undefined) throw new CryptoError('unknown_prekey', 'the message uses a prekey that is gone');
  return secret;
}

function kemPublicKey(seed: Secret): Uint8Array {
  const pair = generateMlKemKeyPair(revealed(seed));
  pair.seed.wipe();
  return pair.publicKey;
}

function checkParty({ signingKey, exchangeKey }: Party): void {
  requireLength(signingKey, 32, 'a signing key');
  requireLength(exchangeKey, 32, 'an exchange key');
}
