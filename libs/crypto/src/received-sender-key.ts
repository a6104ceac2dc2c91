/**
 * Another device's sender key, as it was handed over (§6.3, §12.2): opens that device's messages in any order. Keys of
 * messages that have not come yet are kept, at most 2,000 and for seven days; each key is gone once it opened its
 * message, so that a stolen store opens nothing again. Serialised: version 1 | key id (u16 length) | start u32 |
 * next u32 | chain key 32 | count u16 | { n u32 | skipped at, u64 ms | key 32 }, ascending by n.
 */
import { ByteReader, malformed } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { checkTime } from './check-time.js';
import { constantTimeEqual } from './constant-time.js';
import { CryptoError } from './crypto-error.js';
import { SecretBytes, wipe } from './secret-bytes.js';
import { chainStep, checkedKeyId } from './sender-key-chain.js';
import type { SenderKeyStart } from './sender-key.js';

const VERSION = 1;
const KEY_BYTES = 32;
const MAX_SKIPPED = 2000;
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;
const MAX_N = 2 ** 32 - 1;
// An honest chain has 1,000 messages.
const MAX_EXTEND_STEPS = 2 * MAX_SKIPPED;

interface SkippedKey {
  readonly key: Uint8Array;
  /** When it was skipped, in milliseconds since 1970. */
  readonly at: number;
}

export class ReceivedSenderKey {
  readonly keyId: string;
  #start: number;
  #next: number;
  #chainKey: SecretBytes;
  readonly #skipped: Map<number, SkippedKey>;

  private constructor(
    keyId: string,
    range: { start: number; next: number },
    chainKey: Uint8Array,
    skipped: Map<number, SkippedKey>,
  ) {
    this.keyId = keyId;
    this.#start = range.start;
    this.#next = range.next;
    this.#chainKey = new SecretBytes(chainKey);
    this.#skipped = skipped;
  }

  /** From what was handed over; it is copied. Throws `malformed`. */
  static from(start: SenderKeyStart, now: number): ReceivedSenderKey {
    checkStart(start);
    checkTime(now);
    return new ReceivedSenderKey(start.keyId, { start: start.n, next: start.n }, start.chainKey.slice(), new Map());
  }

  /** The number of the first message whose key the chain still has to make. */
  get next(): number {
    return this.#next;
  }

  /**
   * Gives the key of message `n` to `use` and returns its result. Only if `use` returns does the chain go on and the
   * key go away; if it throws (the message was forged), everything is as before. The key is wiped either way: do not
   * keep it. Throws `replayed` (the key was used, or has expired), `too_old` (before what was handed over),
   * `too_many_skipped` (more than 2,000 keys would be kept), `malformed` (no message number).
   */
  open<T>(n: number, now: number, use: (conversationKey: Uint8Array) => T): T {
    if (!isNumber(n)) throw malformed();
    this.dropOld(now);
    if (n < this.#start) throw new CryptoError('too_old', 'the message is older than the sender key we were given');
    return n < this.#next ? this.#openSkipped(n, use) : this.#openAhead(n, now, use);
  }

  /** Forgets keys that were skipped more than seven days before `now`. */
  dropOld(now: number): void {
    checkTime(now);
    for (const [n, { key, at }] of this.#skipped) {
      if (now - at <= MAX_AGE_MS) continue;
      wipe(key);
      this.#skipped.delete(n);
    }
  }

  /**
   * Adds keys from before the first start, when the same sender key was handed over again from an earlier message. Keys
   * that were used or have expired stay away. Throws `malformed` if it is no earlier part of this chain,
   * `too_many_skipped`.
   */
  extend(start: SenderKeyStart, now: number): void {
    checkStart(start);
    this.dropOld(now);
    if (start.keyId !== this.keyId) throw malformed();
    if (start.n >= this.#start) return;
    const added = this.#start - start.n;
    if (added + this.#skipped.size > MAX_SKIPPED || this.#next - start.n > MAX_EXTEND_STEPS) throw tooMany();
    const keys = this.#earlierKeys(start);
    for (const [at, key] of keys.entries()) this.#skipped.set(start.n + at, { key, at: now });
    this.#start = start.n;
  }

  /** Secret. */
  serialize(): Uint8Array {
    const writer = new ByteWriter().u8(VERSION).text(this.keyId).u32(this.#start).u32(this.#next);
    writer.raw(this.#chainKey.reveal()).u16(this.#skipped.size);
    for (const n of [...this.#skipped.keys()].toSorted((a, b) => a - b)) {
      const { key, at } = this.#skipped.get(n) as SkippedKey;
      writer.u32(n).time(at).raw(key);
    }
    return writer.finish();
  }

  /** Throws `malformed`. */
  static deserialize(bytes: Uint8Array): ReceivedSenderKey {
    const reader = new ByteReader(bytes);
    reader.version(VERSION);
    const keyId = checkedKeyId(reader.text(64));
    const range = { start: reader.u32(), next: reader.u32() };
    const chainKey = reader.raw(KEY_BYTES);
    const skipped = readSkipped(reader, range);
    reader.end();
    return new ReceivedSenderKey(keyId, range, chainKey, skipped);
  }

  wipe(): void {
    this.#chainKey.wipe();
    for (const { key } of this.#skipped.values()) wipe(key);
    this.#skipped.clear();
  }

  #openSkipped<T>(n: number, use: (conversationKey: Uint8Array) => T): T {
    const skipped = this.#skipped.get(n);
    if (skipped === undefined) throw new CryptoError('replayed', 'the key of this message is gone');
    // A copy: `use` may change or wipe what it was given, and then throw.
    const result = lent(skipped.key.slice(), use);
    wipe(skipped.key);
    this.#skipped.delete(n);
    return result;
  }

  #openAhead<T>(n: number, now: number, use: (conversationKey: Uint8Array) => T): T {
    if (n - this.#next + this.#skipped.size > MAX_SKIPPED) throw tooMany();
    const { keys, chainKey } = walk(this.#chainKey.reveal(), n - this.#next + 1);
    const last = keys.pop() as Uint8Array;
    try {
      const result = lent(last, use);
      this.#advance(keys, chainKey, now);
      return result;
    } catch (error) {
      for (const key of keys) wipe(key);
      wipe(chainKey);
      throw error;
    }
  }

  #advance(keys: readonly Uint8Array[], chainKey: Uint8Array, now: number): void {
    for (const [at, key] of keys.entries()) this.#skipped.set(this.#next + at, { key, at: now });
    this.#next += keys.length + 1;
    this.#chainKey.wipe();
    this.#chainKey = new SecretBytes(chainKey);
  }

  /** The keys from an earlier start to ours, once it is proven that its chain leads to the chain we hold. */
  #earlierKeys(start: SenderKeyStart): Uint8Array[] {
    const { keys, chainKey } = walk(start.chainKey, this.#next - start.n);
    const isSameChain = constantTimeEqual(chainKey, this.#chainKey.reveal());
    wipe(chainKey);
    const known = keys.splice(this.#start - start.n);
    for (const key of isSameChain ? known : [...known, ...keys]) wipe(key);
    if (!isSameChain) throw malformed();
    return keys;
  }
}

/** `steps` keys from a chain key on, and the chain key after them. */
function walk(from: Uint8Array, steps: number): { keys: Uint8Array[]; chainKey: Uint8Array } {
  const keys: Uint8Array[] = [];
  let chainKey: Uint8Array = from.slice();
  for (let count = 0; count < steps; count++) {
    const step = chainStep(chainKey);
    wipe(chainKey);
    keys.push(step.key);
    chainKey = step.chainKey;
  }
  return { keys, chainKey };
}

function lent<T>(key: Uint8Array, use: (conversationKey: Uint8Array) => T): T {
  try {
    return use(key);
  } finally {
    wipe(key);
  }
}

function readSkipped(reader: ByteReader, { start, next }: { start: number; next: number }): Map<number, SkippedKey> {
  const skipped = new Map<number, SkippedKey>();
  let least = start;
  for (let left = reader.count(MAX_SKIPPED, 12 + KEY_BYTES); left > 0; left--) {
    const n = reader.u32();
    if (n < least || n >= next) throw malformed();
    least = n + 1;
    skipped.set(n, { at: reader.time(), key: reader.raw(KEY_BYTES) });
  }
  if (start > next) throw malformed();
  return skipped;
}

function checkStart({ keyId, n, chainKey }: SenderKeyStart): void {
  checkedKeyId(keyId);
  if (!isNumber(n) || chainKey.length !== KEY_BYTES) throw malformed();
}

function isNumber(n: number): boolean {
  return Number.isInteger(n) && n >= 0 && n < MAX_N;
}

function tooMany(): CryptoError {
  return new CryptoError('too_many_skipped', 'more keys would be kept than we keep');
}
