import { encapsulate, randomBytes } from 'node:crypto';
import { ExchangeKey, KemKey, kemPublicKey } from './agreement-keys.js';
import { block, ByteReader, u32 } from './encodings.js';
import { type Handshake, handshakeBytes, readHandshake } from './handshake.js';
import { conversationKeyAt, hkdf, open, seal } from './sealed-message.js';
import { openExtended, sealExtended } from './xchacha.js';

/** Signal's Double Ratchet with header encryption, and the ML-KEM refresh of the protocol's page. It keeps chains whole: nothing is deleted. */

const REFRESH_AFTER_MESSAGES = 50;
const REFRESH_AFTER_MS = 24 * 3_600_000;

/** What one message draws; tests give it, everybody else leaves it to chance. */
export interface Draws {
  ratchet?: ExchangeKey;
  kem?: KemKey;
  encapsulation?: { ciphertext: Buffer; secret: Buffer };
  headerNonce?: Buffer;
}

/** Where a session begins. */
export interface Start {
  associatedData: Buffer;
  root: Buffer;
  nextSendHeader: Buffer;
  nextReceiveHeader: Buffer;
  own?: ExchangeKey;
  theirs?: Buffer;
  handshake?: Handshake;
  postQuantum: boolean;
  now: number;
}

interface ReceivingChain {
  headerKey: Buffer;
  chain: Buffer;
}

interface SendingChain extends ReceivingChain {
  n: number;
  /** `00`, `01` and a key, or `02` and a ciphertext: in every header of the chain. */
  tail: Buffer;
}

export class Ratchet {
  readonly #receiving: ReceivingChain[] = [];
  #sending: SendingChain | undefined;
  #previousCount = 0;
  #ownKem: KemKey | undefined;
  #asked: Buffer | undefined;
  #messages = 0;
  #refreshedAt: number;

  constructor(private readonly state: Start) {
    this.#refreshedAt = state.now;
  }

  /** Seals the next message. */
  send(plaintext: Buffer, now = Date.now(), draws: Draws = {}): Buffer {
    const { state } = this;
    const sending = (this.#sending ??= this.#beginChain(now, draws));
    const header = Buffer.concat([
      state.own?.raw ?? Buffer.alloc(0),
      u32(this.#previousCount),
      u32(sending.n),
      sending.tail,
    ]);
    const nonce = draws.headerNonce ?? randomBytes(24);
    const sealedHeader = sealExtended(sending.headerKey, nonce, header, state.associatedData);
    const kind =
      state.handshake === undefined
        ? Buffer.from([2])
        : Buffer.concat([Buffer.from([1]), handshakeBytes(state.handshake)]);
    const front = Buffer.concat([Buffer.from([1]), kind, block(sealedHeader)]);
    const body = bodyKey(conversationKeyAt(sending.chain, 0, sending.n++));
    this.#messages++;
    return Buffer.concat([front, seal(body.key, body.nonce, plaintext, Buffer.concat([state.associatedData, front]))]);
  }

  /** The header of an own message that would begin the next chain. */
  nextHeader(message: Buffer): Buffer {
    return openExtended(this.state.nextSendHeader, frontOf(message).sealedHeader, this.state.associatedData);
  }

  /** Opens a message in whatever order it comes; throws when it is not of this session, or was changed. */
  open(message: Buffer, now = Date.now()): Buffer {
    const { front, sealedHeader, body } = frontOf(message);
    const { associatedData, nextReceiveHeader } = this.state;
    const known = this.#receiving.find(({ headerKey }) => opens(headerKey, sealedHeader, associatedData));
    const header = openExtended(known?.headerKey ?? nextReceiveHeader, sealedHeader, associatedData);
    const chain = known?.chain ?? this.#turn(header, now);
    const { key, nonce } = bodyKey(conversationKeyAt(chain, 0, header.readUInt32BE(36)));
    const plaintext = open(key, nonce, body, Buffer.concat([associatedData, front]));
    this.#messages++;
    delete this.state.handshake;
    return plaintext;
  }

  #beginChain(now: number, draws: Draws): SendingChain {
    const { state } = this;
    state.own = draws.ratchet ?? new ExchangeKey();
    const { tail, secret } = this.#refresh(now, draws);
    const step = rootStep(state.root, state.own.agree(state.theirs ?? Buffer.alloc(0)), secret);
    const chain = { headerKey: state.nextSendHeader, chain: step.chain, n: 0, tail };
    Object.assign(state, { root: step.root, nextSendHeader: step.nextHeader });
    return chain;
  }

  #refresh(now: number, draws: Draws): { tail: Buffer; secret?: Buffer } {
    if (this.#asked !== undefined) {
      const { ciphertext, secret } = draws.encapsulation ?? encapsulated(this.#asked);
      this.#asked = undefined;
      this.#refreshed(now);
      return { tail: Buffer.concat([Buffer.from([2]), ciphertext]), secret };
    }
    const isDue = this.#messages >= REFRESH_AFTER_MESSAGES || now - this.#refreshedAt >= REFRESH_AFTER_MS;
    if (!this.state.postQuantum || !isDue) return { tail: Buffer.from([0]) };
    this.#ownKem = draws.kem ?? new KemKey();
    return { tail: Buffer.concat([Buffer.from([1]), this.#ownKem.raw]) };
  }

  /** The other side has a new ratchet key: a new receiving chain, and with the next message a new one of our own. */
  #turn(header: Buffer, now: number): Buffer {
    const { state } = this;
    const [theirs, tail] = [header.subarray(0, 32), header.subarray(40)];
    const secret = tail[0] === 2 ? this.#ownKem?.open(tail.subarray(1)) : undefined;
    const step = rootStep(state.root, (state.own ?? new ExchangeKey()).agree(theirs), secret);
    const { chain } = step;
    this.#receiving.push({ headerKey: state.nextReceiveHeader, chain });
    Object.assign(state, { theirs, root: step.root, nextReceiveHeader: step.nextHeader });
    this.#previousCount = this.#sending?.n ?? 0;
    this.#sending = undefined;
    if (tail[0] === 1) this.#asked = tail.subarray(1);
    if (secret !== undefined) this.#refreshed(now);
    return chain;
  }

  #refreshed(now: number): void {
    this.#ownKem = undefined;
    this.#messages = 0;
    this.#refreshedAt = now;
  }
}

function frontOf(message: Buffer): { front: Buffer; sealedHeader: Buffer; body: Buffer } {
  const reader = new ByteReader(message);
  if (reader.u8() !== 1) throw new Error('another version');
  const kind = reader.u8();
  if (kind === 1) readHandshake(reader);
  else if (kind !== 2) throw new Error('neither kind');
  const sealedHeader = reader.block();
  return { sealedHeader, front: message.subarray(0, reader.at), body: reader.rest() };
}

function opens(key: Buffer, sealed: Buffer, aad: Buffer): boolean {
  try {
    openExtended(key, sealed, aad);
    return true;
  } catch {
    return false;
  }
}

function encapsulated(key: Buffer): { ciphertext: Buffer; secret: Buffer } {
  const { ciphertext, sharedKey } = encapsulate(kemPublicKey(key));
  return { ciphertext, secret: sharedKey };
}

function rootStep(root: Buffer, dh: Buffer, secret?: Buffer): { root: Buffer; chain: Buffer; nextHeader: Buffer } {
  const label = secret === undefined ? 'DCP-RATCHET-ROOT-V1' : 'DCP-RATCHET-ROOT-PQ-V1';
  const keys = new ByteReader(hkdf(Buffer.concat([dh, secret ?? Buffer.alloc(0)]), label, 96, root));
  return { root: keys.take(32), chain: keys.take(32), nextHeader: keys.take(32) };
}

function bodyKey(messageKey: Buffer): { key: Buffer; nonce: Buffer } {
  const bytes = hkdf(messageKey, 'DCP-RATCHET-BODY-V1', 44);
  return { key: bytes.subarray(0, 32), nonce: bytes.subarray(32) };
}
