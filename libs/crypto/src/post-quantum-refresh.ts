/**
 * Fresh ML-KEM-768 secrets in a running session (profile §5). Due after 50 messages in both directions together, or 24
 * hours. Then the next chain somebody begins carries a fresh public key in every (sealed) header; the other side's next
 * chain answers: its root step mixes in a secret encapsulated to that key, and its headers carry the ciphertext, which
 * the first side needs for the matching receiving step. As the ciphertext stands in every header of the chain, loss and
 * order do not matter. A chain that should answer and does not is refused: nobody can talk a session down.
 */
import { CryptoError } from './crypto-error.js';
import { generateMlKemKeyPair, isMlKemPublicKey, mlKemDecapsulate, mlKemEncapsulate } from './ml-kem-768.js';
import type { KemPart } from './ratchet-header.js';
import type { PostQuantumState } from './ratchet-state.js';

const REFRESH_AFTER_MESSAGES = 50;
const REFRESH_AFTER_MS = 24 * 60 * 60 * 1000;

type Step = { readonly postQuantum: PostQuantumState | undefined; readonly secret: Uint8Array | undefined };

/** The state after a secret was mixed in, the handshake's own included. */
export function startPostQuantum(now: number): PostQuantumState {
  return { count: 0, since: now, offered: undefined, peerOffer: undefined, ciphertext: undefined };
}

export function countMessage(state: PostQuantumState | undefined): PostQuantumState | undefined {
  return state && { ...state, count: Math.min(state.count + 1, REFRESH_AFTER_MESSAGES) };
}

/** What every header of the sending chain carries. */
export function kemPartOf(state: PostQuantumState | undefined): KemPart {
  if (state?.ciphertext !== undefined) return { kind: 'ciphertext', bytes: state.ciphertext };
  if (state?.offered !== undefined) return { kind: 'publicKey', bytes: state.offered.publicKey };
  return { kind: 'none' };
}

/** For a new sending chain: answers the peer's key, or offers one if that is due. The secret is to be wiped. */
export function answerOrOffer(state: PostQuantumState | undefined, now: number): Step {
  if (state === undefined) return { postQuantum: undefined, secret: undefined };
  if (state.peerOffer !== undefined) {
    const { ciphertext, sharedSecret } = mlKemEncapsulate(state.peerOffer);
    return { postQuantum: { ...startPostQuantum(now), ciphertext }, secret: sharedSecret };
  }
  const offered = isDue(state, now) ? newOffer() : undefined;
  return { postQuantum: { ...state, offered, ciphertext: undefined }, secret: undefined };
}

/**
 * For a new receiving chain: takes the peer's answer to our key, or notes the key it offers. Throws `decryption_failed`
 * where an answer is missing, or something stands there that nobody asked for.
 */
export function takeKemPart(state: PostQuantumState | undefined, part: KemPart, now: number): Step {
  if (state === undefined || state.offered === undefined) {
    if (part.kind === 'ciphertext' || (part.kind === 'publicKey' && state === undefined)) throw refused();
    return { postQuantum: state && { ...state, peerOffer: checkedOffer(part) }, secret: undefined };
  }
  if (part.kind !== 'ciphertext') throw refused();
  return { postQuantum: startPostQuantum(now), secret: mlKemDecapsulate(state.offered.seed, part.bytes) };
}

function isDue({ count, since }: PostQuantumState, now: number): boolean {
  return count >= REFRESH_AFTER_MESSAGES || now - since >= REFRESH_AFTER_MS;
}

function newOffer(): PostQuantumState['offered'] {
  const { publicKey, seed } = generateMlKemKeyPair();
  return { publicKey, seed: seed.reveal() };
}

function checkedOffer(part: KemPart): Uint8Array | undefined {
  if (part.kind === 'none') return undefined;
  if (!isMlKemPublicKey(part.bytes)) throw refused();
  return part.bytes;
}

function refused(): CryptoError {
  return new CryptoError('decryption_failed', 'the post-quantum part of the message is not what this session expects');
}
