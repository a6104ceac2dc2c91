/**
 * A session between two devices (§6.3, §12.2): X3DH or PQXDH (x3dh.ts) begins it, the Double Ratchet (double-ratchet.ts)
 * runs it. A message that does not open changes nothing. After each call store `serialize()` before anything leaves or
 * is shown: a session taken from an older copy repeats keys.
 */
import { ByteWriter } from './byte-writer.js';
import { checkTime } from './check-time.js';
import { CryptoError } from './crypto-error.js';
import { advanceReceiving, advanceSending, type Received, startInitiator, startResponder } from './double-ratchet.js';
import { envelopeStart, parseEnvelope } from './envelope.js';
import type { OwnParty, Party } from './party.js';
import type { PrekeyBundle, PrekeySecrets } from './prekeys.js';
import { openBody, sealBody } from './ratchet-kdf.js';
import { wipe } from './secret-bytes.js';
import {
  keepReceived,
  newContents,
  readContents,
  replaceRatchet,
  type SessionContents,
  undoReceived,
  wipeContents,
  writeContents,
} from './session-contents.js';
import { acceptHandshake, initiateHandshake } from './x3dh.js';
import { x25519PublicKey } from './x25519.js';

export interface AcceptedSession {
  readonly session: PairSession;
  readonly plaintext: Uint8Array;
  /** The prekeys to delete now, private half and all. */
  readonly used: { oneTime?: number; kem?: number };
}

export class PairSession {
  #contents: SessionContents | undefined;

  private constructor(contents: SessionContents) {
    this.#contents = contents;
  }

  /**
   * A session to write to `peer` now, offline or not. The signatures over the bundle have been checked. Throws
   * `downgrade` (both devices have ML-KEM, the bundle has no key for it), `invalid_key`, `invalid_length`.
   */
  static initiate(own: OwnParty, peer: Party, bundle: PrekeyBundle, now: number): PairSession {
    checkTime(now);
    const { keys, associated, postQuantum, handshake } = initiateHandshake(own, peer, bundle);
    const ratchet = startInitiator(keys, bundle.signed.key.slice(), postQuantum, now);
    return new PairSession(newContents(keys.sessionId, associated, ratchet, now, handshake));
  }

  /**
   * The other side, from an initial message. Delete the `used` prekeys and refuse a session whose `id` you have or had.
   * Throws `unknown_prekey`, `downgrade`, `decryption_failed`, `invalid_key`, `too_many_skipped`, `malformed`.
   */
  static accept(
    own: OwnParty,
    peer: Party,
    epoch: number,
    secrets: PrekeySecrets,
    message: Uint8Array,
    now: number,
  ): AcceptedSession {
    checkTime(now);
    const { handshake } = parseEnvelope(message);
    if (handshake === undefined) throw new CryptoError('malformed', 'not an initial message');
    const agreed = acceptHandshake(own, peer, epoch, secrets, handshake);
    const pair = { publicKey: x25519PublicKey(agreed.signedPrekey), privateKey: agreed.signedPrekey };
    const ratchet = startResponder(agreed.keys, pair, agreed.postQuantum, now);
    const session = new PairSession(newContents(agreed.keys.sessionId, agreed.associated, ratchet, now, undefined));
    const plaintext = session.#firstPlaintext(message, now);
    const { oneTimeId, kem } = handshake;
    const used = {
      ...(oneTimeId === undefined ? {} : { oneTime: oneTimeId }),
      ...(kem === undefined ? {} : { kem: kem.id }),
    };
    return { session, plaintext, used };
  }

  /** 32 hex characters, the same on both sides, from the handshake; public. */
  get id(): string {
    return this.#live().id;
  }

  get postQuantum(): boolean {
    return this.#live().ratchet.postQuantum !== undefined;
  }

  /** When a message was last sent or opened, in milliseconds since 1970. */
  get lastUsed(): number {
    return this.#live().lastUsed;
  }

  /** Messages opened since we last sent: without an answer the DH ratchet stands still. */
  get owesReply(): number {
    return this.#live().owesReply;
  }

  /** The message for the peer. */
  encrypt(plaintext: Uint8Array, now: number): Uint8Array {
    checkTime(now);
    const contents = this.#live();
    const { next, header, messageKey } = advanceSending(contents.ratchet, contents.associated, now);
    const start = envelopeStart(contents.handshake, header);
    const body = sealBody(messageKey, plaintext, bound(contents, start));
    wipe(messageKey);
    replaceRatchet(contents, next);
    contents.lastUsed = now;
    contents.owesReply = 0;
    return new ByteWriter().raw(start).raw(body).finish();
  }

  /**
   * The plaintext. Throws `decryption_failed` (also for a message of another session, and for a repeated one of an old
   * chain whose keys are all gone), `replayed`, `too_many_skipped`, `malformed`; nothing has changed then, but that
   * keys older than seven days are gone.
   */
  decrypt(message: Uint8Array, now: number): Uint8Array {
    checkTime(now);
    const contents = this.#live();
    const { header, body, authenticated } = parseEnvelope(message);
    contents.skipped.dropOld(now);
    const received = advanceReceiving(contents.ratchet, contents.skipped, header, contents.associated, now);
    const plaintext = openedOrUndone(contents, received, body, authenticated);
    keepReceived(contents, received, now);
    contents.lastUsed = now;
    contents.owesReply++;
    contents.handshake = undefined;
    return plaintext;
  }

  /** Secret. */
  serialize(): Uint8Array {
    return writeContents(this.#live());
  }

  /** Throws `malformed`. */
  static deserialize(bytes: Uint8Array): PairSession {
    return new PairSession(readContents(bytes));
  }

  wipe(): void {
    if (this.#contents !== undefined) wipeContents(this.#contents);
    this.#contents = undefined;
  }

  #firstPlaintext(message: Uint8Array, now: number): Uint8Array {
    try {
      return this.decrypt(message, now);
    } catch (error) {
      this.wipe();
      throw error;
    }
  }

  #live(): SessionContents {
    if (this.#contents === undefined) throw new CryptoError('secret_wiped', 'this session has been wiped');
    return this.#contents;
  }
}

function openedOrUndone(contents: SessionContents, received: Received, body: Uint8Array, authenticated: Uint8Array) {
  try {
    return openBody(received.messageKey, body, bound(contents, authenticated));
  } catch (error) {
    undoReceived(contents, received);
    throw error;
  } finally {
    wipe(received.messageKey);
  }
}

/** The additional data of a body: what both sides agreed on, and all that stands before the body. */
function bound(contents: SessionContents, start: Uint8Array): Uint8Array {
  return new ByteWriter().raw(contents.associated).raw(start).finish();
}
