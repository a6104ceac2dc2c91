/**
 * A device's own sender key of one channel (§6.3, §12.2): a chain that gives each message its conversation key
 * (sender-key-chain.ts). It lives for 1,000 messages or 24 hours; after that, and whenever somebody who held it must no
 * longer read, a new one is made and handed over. Serialised: version 1 | key id (u16 length) | created, u64 ms | n u32 |
 * chain key 32. Store that before a message leaves: a chain taken from an older copy gives the same keys again.
 */
import { ByteReader, malformed } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { checkTime } from './check-time.js';
import { CryptoError } from './crypto-error.js';
import { toBase32 } from './encodings.js';
import { randomBytes } from './random.js';
import { SecretBytes, wipe } from './secret-bytes.js';
import { chainStep, checkedKeyId } from './sender-key-chain.js';

/** What is handed over to another device: the chain from message `n` on. `chainKey` is secret: wipe it after use. */
export interface SenderKeyStart {
  readonly keyId: string;
  readonly n: number;
  readonly chainKey: Uint8Array;
}

/** The same chain from message `n` on; `start` stays as it is. Throws `malformed` for a message before its start or beyond a chain's last. */
export function advanceStart(start: SenderKeyStart, n: number): SenderKeyStart {
  if (!Number.isInteger(n) || n < start.n || n > SENDER_KEY_MAX_MESSAGES) throw malformed();
  let chainKey: Uint8Array = start.chainKey.slice();
  for (let at = start.n; at < n; at++) {
    const step = chainStep(chainKey);
    wipe(chainKey);
    wipe(step.key);
    chainKey = step.chainKey;
  }
  return { keyId: start.keyId, n, chainKey };
}

export const SENDER_KEY_MAX_MESSAGES = 1000;
export const SENDER_KEY_MAX_AGE_MS = 24 * 60 * 60 * 1000;

const VERSION = 1;
const CHAIN_KEY_BYTES = 32;

export class SenderKey {
  readonly keyId: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  #n: number;
  #chainKey: SecretBytes;

  private constructor(keyId: string, created: number, n: number, chainKey: Uint8Array) {
    this.keyId = keyId;
    this.created = created;
    this.#n = n;
    this.#chainKey = new SecretBytes(chainKey);
  }

  /** A fresh chain from the CSPRNG; its id is `sk_` and 26 base32 characters. `now` in milliseconds. */
  static create(now: number): SenderKey {
    checkTime(now);
    return new SenderKey(`sk_${toBase32(randomBytes(16))}`, now, 0, randomBytes(CHAIN_KEY_BYTES));
  }

  /** The number of the next message, from 0. */
  get n(): number {
    return this.#n;
  }

  /** Whether a new key is due: 1,000 messages or 24 hours (§12.2); also if the clock stands a day before `created`. */
  expired(now: number): boolean {
    return this.#n >= SENDER_KEY_MAX_MESSAGES || Math.abs(now - this.created) >= SENDER_KEY_MAX_AGE_MS;
  }

  /**
   * The key of the next message; the chain goes on and cannot give it again. The caller wipes it. Throws `expired`
   * after 1,000 messages, `secret_wiped`.
   */
  next(): { n: number; conversationKey: Uint8Array } {
    if (this.#n >= SENDER_KEY_MAX_MESSAGES) throw new CryptoError('expired', 'this sender key has served its messages');
    const old = this.#chainKey;
    const { key, chainKey } = chainStep(old.reveal());
    this.#chainKey = new SecretBytes(chainKey);
    old.wipe();
    return { n: this.#n++, conversationKey: key };
  }

  /** The chain from the next message on, for a hand-over. */
  start(): SenderKeyStart {
    return { keyId: this.keyId, n: this.#n, chainKey: this.#chainKey.reveal().slice() };
  }

  /** Secret. */
  serialize(): Uint8Array {
    const writer = new ByteWriter().u8(VERSION).text(this.keyId).time(this.created).u32(this.#n);
    return writer.raw(this.#chainKey.reveal()).finish();
  }

  /** Throws `malformed`. */
  static deserialize(bytes: Uint8Array): SenderKey {
    const reader = new ByteReader(bytes);
    reader.version(VERSION);
    const keyId = checkedKeyId(reader.text(64));
    const created = reader.time();
    const n = reader.u32();
    const chainKey = reader.raw(CHAIN_KEY_BYTES);
    reader.end();
    if (n > SENDER_KEY_MAX_MESSAGES) throw malformed();
    return new SenderKey(keyId, created, n, chainKey);
  }

  wipe(): void {
    this.#chainKey.wipe();
  }
}
