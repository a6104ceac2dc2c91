/**
 * The Double Ratchet with header encryption ("The Double Ratchet Algorithm", Signal, revision 1, §4), with two changes:
 * the sending half of a DH step is done when we next send, not when we receive, so that the new key is as young as can
 * be; and in post-quantum sessions some steps mix in a fresh ML-KEM secret (post-quantum-refresh.ts).
 *
 * Everything here is a function from a state to a state; pair-session.ts keeps the result only if the message opened.
 * Dangers: a state that is used twice (a copy put back) seals two messages under one key.
 */
import { CryptoError } from './crypto-error.js';
import type { HandshakeKeys } from './handshake-keys.js';
import { answerOrOffer, countMessage, kemPartOf, startPostQuantum, takeKemPart } from './post-quantum-refresh.js';
import { openHeader, type RatchetHeader, sealHeader } from './ratchet-header.js';
import { rootStep } from './ratchet-kdf.js';
import { type RatchetChain, type RatchetKeyPair, type RatchetState, wipeReplaced } from './ratchet-state.js';
import { wipe } from './secret-bytes.js';
import { chainStep } from './sender-key-chain.js';
import type { SkippedMessageKeys, SkippedRange } from './skipped-message-keys.js';
import { generateX25519KeyPair, x25519SharedSecret } from './x25519.js';

/** RatchetInitAliceHE: `peerKey` is the signed prekey. */
export function startInitiator(keys: HandshakeKeys, peerKey: Uint8Array, postQuantum: boolean, now: number) {
  const state: RatchetState = {
    rootKey: keys.rootKey,
    own: undefined,
    peerKey,
    sending: undefined,
    receiving: undefined,
    nextSendingHeaderKey: keys.initiatorHeaderKey,
    nextReceivingHeaderKey: keys.responderNextHeaderKey,
    previousCount: 0,
    postQuantum: postQuantum ? startPostQuantum(now) : undefined,
  };
  const next = sendingStep(state, now);
  wipeReplaced(state, next);
  return next;
}

/** RatchetInitBobHE: `own` is the signed prekey's pair. */
export function startResponder(
  keys: HandshakeKeys,
  own: RatchetKeyPair,
  postQuantum: boolean,
  now: number,
): RatchetState {
  return {
    rootKey: keys.rootKey,
    own,
    peerKey: undefined,
    sending: undefined,
    receiving: undefined,
    nextSendingHeaderKey: keys.responderNextHeaderKey,
    nextReceivingHeaderKey: keys.initiatorHeaderKey,
    previousCount: 0,
    postQuantum: postQuantum ? startPostQuantum(now) : undefined,
  };
}

export interface NextToSend {
  readonly next: RatchetState;
  readonly header: Uint8Array;
  /** Serves this message; wipe it. */
  readonly messageKey: Uint8Array;
}

/** RatchetEncryptHE up to the body. */
export function advanceSending(state: RatchetState, associated: Uint8Array, now: number): NextToSend {
  const ready = state.sending === undefined ? sendingStep(state, now) : state;
  const { sending, own } = ready;
  if (sending === undefined || own === undefined) throw new CryptoError('malformed', 'a session that cannot send yet');
  const plain = {
    ratchetKey: own.publicKey,
    previousCount: ready.previousCount,
    n: sending.n,
    kem: kemPartOf(ready.postQuantum),
  };
  const header = sealHeader(sending.headerKey, plain, associated);
  const { key, chainKey } = chainStep(sending.chainKey);
  const next = {
    ...ready,
    sending: { ...sending, chainKey, n: sending.n + 1 },
    postQuantum: countMessage(ready.postQuantum),
  };
  if (ready !== state) wipe(sending.chainKey);
  return { next, header, messageKey: key };
}

/** What a received header leads to: a kept key, or a new state with the keys it jumped over. */
export type Received =
  | { readonly kind: 'kept'; readonly headerKey: Uint8Array; readonly n: number; readonly messageKey: Uint8Array }
  | {
      readonly kind: 'new';
      readonly next: RatchetState;
      readonly skipped: readonly SkippedRange[];
      readonly messageKey: Uint8Array;
    };

/**
 * RatchetDecryptHE up to the body. Throws `decryption_failed` (no key of this session opens the header), `replayed`,
 * `too_many_skipped`, `malformed`. Neither `state` nor `kept` is changed.
 */
export function advanceReceiving(
  state: RatchetState,
  kept: SkippedMessageKeys,
  header: Uint8Array,
  associated: Uint8Array,
  now: number,
): Received {
  const { receiving } = state;
  const current = receiving && openHeader(receiving.headerKey, header, associated);
  if (receiving && current) {
    if (current.n < receiving.n) return keptKey(kept, receiving.headerKey, current.n);
    kept.checkRoom(current.n - receiving.n);
    return receiveIn(state, receiving, current.n, []);
  }
  const next = openHeader(state.nextReceivingHeaderKey, header, associated);
  if (next !== undefined) return receiveInNewChain(state, kept, next, now);
  return fromOldChain(kept, header, associated);
}

function fromOldChain(kept: SkippedMessageKeys, header: Uint8Array, associated: Uint8Array): Received {
  for (const headerKey of kept.headerKeys()) {
    const old = openHeader(headerKey, header, associated);
    if (old !== undefined) return keptKey(kept, headerKey, old.n);
  }
  throw notOurs();
}

function keptKey(kept: SkippedMessageKeys, headerKey: Uint8Array, n: number): Received {
  const messageKey = kept.get(headerKey, n);
  if (messageKey === undefined) throw new CryptoError('replayed', 'the key of this message is gone');
  return { kind: 'kept', headerKey, n, messageKey: messageKey.slice() };
}

function receiveInNewChain(
  state: RatchetState,
  kept: SkippedMessageKeys,
  header: RatchetHeader,
  now: number,
): Received {
  const missing = state.receiving === undefined ? 0 : Math.max(0, header.previousCount - state.receiving.n);
  kept.checkRoom(missing + header.n);
  const stepped = receivingStep(state, header, now);
  const tail = state.receiving === undefined ? undefined : walk(state.receiving, missing);
  if (tail !== undefined) wipe(tail.chain.chainKey);
  const result = receiveIn(stepped, stepped.receiving, header.n, tail === undefined ? [] : [tail.range]);
  wipe(stepped.receiving.chainKey);
  return result;
}

/** Goes on in a chain to message `n`, and past it. */
function receiveIn(
  state: RatchetState,
  chain: RatchetChain,
  n: number,
  skippedBefore: readonly SkippedRange[],
): Received {
  const { range, chain: reached } = walk(chain, n - chain.n);
  const { key, chainKey } = chainStep(reached.chainKey);
  wipe(reached.chainKey);
  const next = {
    ...state,
    receiving: { ...reached, chainKey, n: n + 1 },
    postQuantum: countMessage(state.postQuantum),
  };
  return { kind: 'new', next, skipped: [...skippedBefore, range], messageKey: key };
}

/** `steps` message keys of a chain, and the chain after them with a chain key of its own. */
function walk(chain: RatchetChain, steps: number): { range: SkippedRange; chain: RatchetChain } {
  const keys: Uint8Array[] = [];
  let chainKey: Uint8Array = chain.chainKey.slice();
  for (let count = 0; count < steps; count++) {
    const step = chainStep(chainKey);
    wipe(chainKey);
    keys.push(step.key);
    chainKey = step.chainKey;
  }
  return {
    range: { headerKey: chain.headerKey, first: chain.n, keys },
    chain: { ...chain, chainKey, n: chain.n + steps },
  };
}

/** The receiving half of DHRatchetHE. Our pair has done its service then. */
function receivingStep(
  state: RatchetState,
  header: RatchetHeader,
  now: number,
): RatchetState & { receiving: RatchetChain } {
  if (state.own === undefined) throw notOurs();
  const { postQuantum, secret } = takeKemPart(state.postQuantum, header.kem, now);
  const dh = sharedOrNotOurs(state.own.privateKey, header.ratchetKey);
  const { rootKey, chainKey, nextHeaderKey } = rootStep(state.rootKey, dh, secret);
  return {
    ...state,
    rootKey,
    own: undefined,
    peerKey: header.ratchetKey,
    sending: undefined,
    receiving: { headerKey: state.nextReceivingHeaderKey, chainKey, n: 0 },
    nextReceivingHeaderKey: nextHeaderKey,
    previousCount: state.sending?.n ?? 0,
    postQuantum,
  };
}

/** The sending half of DHRatchetHE: a new pair, and with it a new chain. */
function sendingStep(state: RatchetState, now: number): RatchetState {
  if (state.peerKey === undefined) throw new CryptoError('malformed', 'a session that cannot send yet');
  const pair = generateX25519KeyPair();
  const own = { publicKey: pair.publicKey, privateKey: pair.privateKey.reveal() };
  const { postQuantum, secret } = answerOrOffer(state.postQuantum, now);
  const { rootKey, chainKey, nextHeaderKey } = rootStep(
    state.rootKey,
    x25519SharedSecret(own.privateKey, state.peerKey),
    secret,
  );
  return {
    ...state,
    rootKey,
    own,
    sending: { headerKey: state.nextSendingHeaderKey, chainKey, n: 0 },
    nextSendingHeaderKey: nextHeaderKey,
    postQuantum,
  };
}

function sharedOrNotOurs(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return x25519SharedSecret(privateKey, publicKey);
  } catch {
    throw notOurs();
  }
}

function notOurs(): CryptoError {
  return new CryptoError('decryption_failed', 'not a message of this session');
}
