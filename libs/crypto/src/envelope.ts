/**
 * The outer form of a pairwise message:
 *
 *   version 1 | kind 1 | handshake | sealed                 an initial message: repeated until the first answer came
 *   version 1 | kind 2 | sealed                             every other
 *   handshake = epoch u32 | signed prekey id u32 | 00, or 01 and one-time prekey id u32
 *             | 00, or 01 and ML-KEM prekey id u32, ciphertext 1088 | exchange key 32 | ephemeral key 32
 *   sealed    = block(nonce 24, sealed header) | sealed body
 *
 * All that stands before the sealed body is authenticated with it.
 */
import { ByteReader, malformed } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { ML_KEM_CIPHERTEXT_BYTES } from './ml-kem-768.js';

export interface Handshake {
  readonly epoch: number;
  readonly signedId: number;
  readonly oneTimeId: number | undefined;
  readonly kem: { readonly id: number; readonly ciphertext: Uint8Array } | undefined;
  /** The initiator's. */
  readonly exchangeKey: Uint8Array;
  readonly ephemeralKey: Uint8Array;
}

export interface Envelope {
  readonly handshake: Handshake | undefined;
  /** Nonce and sealed header. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  /** Everything before the body. */
  readonly authenticated: Uint8Array;
}

export type EnvelopeSummary =
  | {
      kind: 'initial';
      epoch: number;
      signedId: number;
      oneTimeId?: number;
      kemId?: number;
      /** The initiator's: names the device that writes. */
      exchangeKey: Uint8Array;
    }
  | { kind: 'ratchet' };

const VERSION = 1;
const INITIAL = 1;
const RATCHET = 2;
const KEY_BYTES = 32;
/** Nonce, tag and the longest header (ratchet-header.ts). */
const MAX_HEADER_BYTES = 24 + 16 + 41 + 1184;

/** What a message says before any key is used: nothing of it is authentic. Throws `malformed`. */
export function readEnvelope(message: Uint8Array): EnvelopeSummary {
  const { handshake } = parseEnvelope(message);
  if (handshake === undefined) return { kind: 'ratchet' };
  const { epoch, signedId, oneTimeId, kem, exchangeKey } = handshake;
  return {
    kind: 'initial',
    epoch,
    signedId,
    ...(oneTimeId === undefined ? {} : { oneTimeId }),
    ...(kem === undefined ? {} : { kemId: kem.id }),
    exchangeKey,
  };
}

/** Throws `malformed`. */
export function parseEnvelope(message: Uint8Array): Envelope {
  const reader = new ByteReader(message);
  reader.version(VERSION);
  const kind = reader.u8();
  if (kind !== INITIAL && kind !== RATCHET) throw malformed();
  const handshake = kind === INITIAL ? readHandshake(reader) : undefined;
  const header = reader.block(MAX_HEADER_BYTES);
  const authenticated = message.slice(0, message.length - reader.remaining);
  return { handshake, header, body: reader.raw(reader.remaining), authenticated };
}

/** Everything before the body. */
export function envelopeStart(handshake: Uint8Array | undefined, header: Uint8Array): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(handshake === undefined ? RATCHET : INITIAL);
  if (handshake !== undefined) writer.raw(handshake);
  return writer.block(header).finish();
}

export function writeHandshake(handshake: Handshake): Uint8Array {
  const { epoch, signedId, oneTimeId, kem, exchangeKey, ephemeralKey } = handshake;
  const writer = new ByteWriter().u32(epoch).u32(signedId);
  writer.optional(oneTimeId, (id) => writer.u32(id));
  writer.optional(kem, ({ id, ciphertext }) => writer.u32(id).raw(ciphertext));
  return writer.raw(exchangeKey).raw(ephemeralKey).finish();
}

export function readHandshake(reader: ByteReader): Handshake {
  return {
    epoch: reader.u32(),
    signedId: reader.u32(),
    oneTimeId: reader.optional(() => reader.u32()),
    kem: reader.optional(() => ({ id: reader.u32(), ciphertext: reader.raw(ML_KEM_CIPHERTEXT_BYTES) })),
    exchangeKey: reader.raw(KEY_BYTES),
    ephemeralKey: reader.raw(KEY_BYTES),
  };
}
