/**
 * Message keys of a session's messages that have not come yet (MKSKIPPED of Double Ratchet §4.4): at most 2,000 in all
 * and for seven days, each with the header key of its chain. Serialised: count of chains u16 | { header key 32 |
 * count u16 | { n u32 | skipped at, u64 ms | key 32 } }.
 */
import { type ByteReader, malformed } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { constantTimeEqual } from './constant-time.js';
import { CryptoError } from './crypto-error.js';
import { wipe } from './secret-bytes.js';

export const MAX_SKIPPED_KEYS = 2000;
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;
const KEY_BYTES = 32;
const ITEM_BYTES = 12 + KEY_BYTES;

interface KeptKey {
  readonly key: Uint8Array;
  readonly at: number;
}

interface SkippedChain {
  readonly headerKey: Uint8Array;
  readonly keys: Map<number, KeptKey>;
}

/** Keys that a message jumped over; they are kept once it has opened. */
export interface SkippedRange {
  readonly headerKey: Uint8Array;
  readonly first: number;
  readonly keys: readonly Uint8Array[];
}

export class SkippedMessageKeys {
  #chains: SkippedChain[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The chains' header keys, live: do not keep them. */
  headerKeys(): readonly Uint8Array[] {
    return this.#chains.map(({ headerKey }) => headerKey);
  }

  /** The live key of a message, `undefined` if it was used or never kept. */
  get(headerKey: Uint8Array, n: number): Uint8Array | undefined {
    return this.#chain(headerKey)?.keys.get(n)?.key;
  }

  /** Wipes the key of a message that has been opened. */
  remove(headerKey: Uint8Array, n: number): void {
    const chain = this.#chain(headerKey);
    if (chain !== undefined) this.#forget(chain, n);
    this.#dropEmpty();
  }

  /** Throws `too_many_skipped` if `more` keys do not fit. */
  checkRoom(more: number): void {
    if (this.#count + more > MAX_SKIPPED_KEYS) {
      throw new CryptoError('too_many_skipped', 'more keys would be kept than we keep');
    }
  }

  /** Takes the keys; the header key is copied. */
  add(range: SkippedRange, now: number): void {
    if (range.keys.length === 0) return;
    const chain = this.#chain(range.headerKey) ?? this.#newChain(range.headerKey);
    for (const [at, key] of range.keys.entries()) chain.keys.set(range.first + at, { key, at: now });
    this.#count += range.keys.length;
  }

  dropOld(now: number): void {
    for (const chain of this.#chains) {
      for (const [n, { at }] of chain.keys) if (now - at > MAX_AGE_MS) this.#forget(chain, n);
    }
    this.#dropEmpty();
  }

  wipe(): void {
    for (const { headerKey, keys } of this.#chains) {
      wipe(headerKey);
      for (const { key } of keys.values()) wipe(key);
    }
    this.#chains = [];
    this.#count = 0;
  }

  write(writer: ByteWriter): void {
    writer.u16(this.#chains.length);
    for (const { headerKey, keys } of this.#chains) {
      writer.raw(headerKey).u16(keys.size);
      for (const [n, { key, at }] of keys) writer.u32(n).time(at).raw(key);
    }
  }

  /** Throws `malformed`. */
  static read(reader: ByteReader): SkippedMessageKeys {
    const store = new SkippedMessageKeys();
    for (let left = reader.count(MAX_SKIPPED_KEYS, KEY_BYTES + 2 + ITEM_BYTES); left > 0; left--) store.#read(reader);
    return store;
  }

  #read(reader: ByteReader): void {
    const headerKey = reader.raw(KEY_BYTES);
    const count = reader.count(MAX_SKIPPED_KEYS - this.#count, ITEM_BYTES);
    if (count === 0 || this.#chain(headerKey) !== undefined) throw malformed();
    const { keys } = this.#newChain(headerKey);
    for (let left = count; left > 0; left--) {
      keys.set(reader.u32(), { at: reader.time(), key: reader.raw(KEY_BYTES) });
    }
    if (keys.size !== count) throw malformed();
    this.#count += count;
  }

  #chain(headerKey: Uint8Array): SkippedChain | undefined {
    return this.#chains.find((chain) => constantTimeEqual(chain.headerKey, headerKey));
  }

  #newChain(headerKey: Uint8Array): SkippedChain {
    const chain = { headerKey: headerKey.slice(), keys: new Map<number, KeptKey>() };
    this.#chains.push(chain);
    return chain;
  }

  #forget(chain: SkippedChain, n: number): void {
    const kept = chain.keys.get(n);
    if (kept === undefined) return;
    wipe(kept.key);
    chain.keys.delete(n);
    this.#count--;
  }

  #dropEmpty(): void {
    for (const { headerKey, keys } of this.#chains) if (keys.size === 0) wipe(headerKey);
    this.#chains = this.#chains.filter(({ keys }) => keys.size > 0);
  }
}
