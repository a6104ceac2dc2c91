/**
 * The state of a Double Ratchet with header encryption (§4.2 of Signal's document) without its skipped keys, as values: a
 * step makes a new state and shares with the old one what stays the same, so that a message that does not open leaves
 * everything as it was. Names in brackets are the document's.
 */
import { type ByteReader, malformed } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { isMlKemPublicKey, ML_KEM_CIPHERTEXT_BYTES, ML_KEM_PUBLIC_BYTES, ML_KEM_SEED_BYTES } from './ml-kem-768.js';
import { wipe } from './secret-bytes.js';

export interface RatchetChain {
  /** HKs, HKr. */
  readonly headerKey: Uint8Array;
  /** CKs, CKr. */
  readonly chainKey: Uint8Array;
  /** Ns, Nr: the number of the next message. */
  readonly n: number;
}

export interface RatchetKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** When the next ML-KEM secret is due, and what of an exchange is under way. */
export interface PostQuantumState {
  /** Messages sent and received since the last ML-KEM secret was mixed in. */
  readonly count: number;
  /** When that was, in milliseconds since 1970. */
  readonly since: number;
  /** The key our sending chain offers. */
  readonly offered: { readonly publicKey: Uint8Array; readonly seed: Uint8Array } | undefined;
  /** The key the peer's chain offers, until our next chain answers. */
  readonly peerOffer: Uint8Array | undefined;
  /** What our sending chain answers with. */
  readonly ciphertext: Uint8Array | undefined;
}

export interface RatchetState {
  /** RK. */
  readonly rootKey: Uint8Array;
  /** DHs: there while an answer to it may come; a new pair is made when we next send. */
  readonly own: RatchetKeyPair | undefined;
  /** DHr. */
  readonly peerKey: Uint8Array | undefined;
  readonly sending: RatchetChain | undefined;
  readonly receiving: RatchetChain | undefined;
  /** NHKs, NHKr. */
  readonly nextSendingHeaderKey: Uint8Array;
  readonly nextReceivingHeaderKey: Uint8Array;
  /** PN. */
  readonly previousCount: number;
  readonly postQuantum: PostQuantumState | undefined;
}

/** Every secret of a state; the public keys and ciphertexts are not among them. */
export function secretsOf(state: RatchetState): Uint8Array[] {
  return [
    state.rootKey,
    state.own?.privateKey,
    state.sending?.headerKey,
    state.sending?.chainKey,
    state.receiving?.headerKey,
    state.receiving?.chainKey,
    state.nextSendingHeaderKey,
    state.nextReceivingHeaderKey,
    state.postQuantum?.offered?.seed,
  ].filter((secret) => secret !== undefined);
}

/** Wipes what `old` holds and `kept` does not. */
export function wipeReplaced(old: RatchetState, kept: RatchetState): void {
  const stays = new Set(secretsOf(kept));
  for (const secret of secretsOf(old)) if (!stays.has(secret)) wipe(secret);
}

/**
 * root 32 | opt(ratchet key 32, private 32) | opt(peer's ratchet key 32) | opt(sending chain) | opt(receiving chain) |
 * next header keys 32, 32 | previous count u32 | opt(post-quantum); chain = header key 32 | chain key 32 | n u32;
 * post-quantum = count u32 | since u64 | opt(public key 1184, seed 64) | opt(1184) | opt(1088); opt = 00, or 01 and it
 */
export function writeRatchetState(writer: ByteWriter, state: RatchetState): void {
  const chain = ({ headerKey, chainKey, n }: RatchetChain) => writer.raw(headerKey).raw(chainKey).u32(n);
  writer.raw(state.rootKey);
  writer.optional(state.own, ({ publicKey, privateKey }) => writer.raw(publicKey).raw(privateKey));
  writer.optional(state.peerKey, (key) => writer.raw(key));
  writer.optional(state.sending, chain).optional(state.receiving, chain);
  writer.raw(state.nextSendingHeaderKey).raw(state.nextReceivingHeaderKey).u32(state.previousCount);
  writer.optional(state.postQuantum, ({ count, since, offered, peerOffer, ciphertext }) => {
    writer.u32(count).time(since);
    writer.optional(offered, ({ publicKey, seed }) => writer.raw(publicKey).raw(seed));
    writer.optional(peerOffer, (key) => writer.raw(key)).optional(ciphertext, (bytes) => writer.raw(bytes));
  });
}

/** Throws `malformed`. */
export function readRatchetState(reader: ByteReader): RatchetState {
  const key = () => reader.raw(32);
  const chain = () => ({ headerKey: key(), chainKey: key(), n: reader.u32() });
  const state: RatchetState = {
    rootKey: key(),
    own: reader.optional(() => ({ publicKey: key(), privateKey: key() })),
    peerKey: reader.optional(key),
    sending: reader.optional(chain),
    receiving: reader.optional(chain),
    nextSendingHeaderKey: key(),
    nextReceivingHeaderKey: key(),
    previousCount: reader.u32(),
    postQuantum: reader.optional(() => readPostQuantum(reader)),
  };
  if (state.sending === undefined ? state.own === undefined && state.peerKey === undefined : state.own === undefined) {
    throw malformed();
  }
  return state;
}

function readPostQuantum(reader: ByteReader): PostQuantumState {
  return {
    count: reader.u32(),
    since: reader.time(),
    offered: reader.optional(() => ({ publicKey: kemKey(reader), seed: reader.raw(ML_KEM_SEED_BYTES) })),
    peerOffer: reader.optional(() => kemKey(reader)),
    ciphertext: reader.optional(() => reader.raw(ML_KEM_CIPHERTEXT_BYTES)),
  };
}

function kemKey(reader: ByteReader): Uint8Array {
  const bytes = reader.raw(ML_KEM_PUBLIC_BYTES);
  if (!isMlKemPublicKey(bytes)) throw malformed();
  return bytes;
}
