import { CryptoError, fromBase64, ReceivedSenderKey, toBase64, type SenderKeyStart } from '@dcp/crypto';
import type { Storage } from '../storage/storage.js';
import { DecryptError } from './decrypt-fault.js';

const PREFIX = 'e2ee/received/';
const MAX_CACHED = 4_000;
/** A key that opened nothing for this long is dropped: what it could still open is in the archive or in the backup. */
const UNUSED_MS = 30 * 86_400_000;

/** Whose key it is: a key id binds to one device of one user in one channel for good. */
export interface KeyOwner {
  channelId: string;
  userId: string;
  device: string;
}

interface Stored extends KeyOwner {
  state: string;
  used: number;
  /** Somebody else handed it over: its owner's own word replaces it. */
  shared?: boolean;
}

export interface ReceivedKey extends KeyOwner {
  chain: ReceivedSenderKey;
  used: number;
  shared?: boolean;
}

/** Other devices' sender keys, as far as they were handed over and not used up. */
export class ReceivedKeys {
  private readonly cache = new Map<string, ReceivedKey>();

  constructor(
    private readonly storage: Storage,
    private readonly now: () => number,
  ) {}

  async find(keyId: string): Promise<ReceivedKey | undefined> {
    const cached = this.cache.get(keyId);
    if (cached !== undefined) return cached;
    const stored = await this.storage.get<Stored>(PREFIX + keyId);
    if (stored === undefined) return undefined;
    const { state, ...owner } = stored;
    const key = { ...owner, chain: ReceivedSenderKey.deserialize(fromBase64(state)) };
    this.remember(keyId, key);
    return key;
  }

  /**
   * Takes a hand-over; the storage holds it when this resolves. Answers false for a key that belongs to another device already, and
   * for a start that does not lead to the chain that is held: nobody can put his chain in the place of somebody else's.
   */
  async put(owner: KeyOwner, start: SenderKeyStart, shared = false): Promise<boolean> {
    const found = await this.find(start.keyId);
    // A stranger may have made up a chain under this id; the owner has not.
    const known = found?.shared === true && !shared ? undefined : found;
    if (known !== undefined && !sameOwner(known, owner)) return false;
    const fresh = { ...owner, used: this.now(), ...(shared ? { shared } : {}) };
    const key = known ?? { ...fresh, chain: ReceivedSenderKey.from(start, this.now()) };
    if (known !== undefined && !extended(known.chain, start, this.now())) return false;
    this.remember(start.keyId, key);
    await this.storage.set(...this.entry(start.keyId, key));
    return true;
  }

  /** Begins a chain again as the backup has it: what has expired of it opens once more. */
  async renew(owner: KeyOwner, start: SenderKeyStart): Promise<boolean> {
    const known = await this.find(start.keyId);
    if (known !== undefined && !sameOwner(known, owner)) return false;
    const key = { ...owner, used: this.now(), chain: ReceivedSenderKey.from(start, this.now()) };
    this.remember(start.keyId, key);
    await this.storage.set(...this.entry(start.keyId, key));
    return true;
  }

  /** Uses one key of a chain; what has to be written afterwards comes with `entry`. Throws DecryptError. */
  async require(keyId: string, owner: KeyOwner): Promise<ReceivedKey> {
    const key = await this.find(keyId);
    if (key === undefined) throw new DecryptError('no_key');
    if (!sameOwner(key, owner)) throw new DecryptError('malformed');
    return key;
  }

  /** The record of a key as it is now, for a write together with what it opened. */
  entry(keyId: string, { chain, ...owner }: ReceivedKey): [string, Stored] {
    return [PREFIX + keyId, { ...owner, used: this.now(), state: toBase64(chain.serialize()) }];
  }

  /** The storage could not take it: its older state holds again. */
  discard(keyIds: Iterable<string>): void {
    for (const keyId of keyIds) this.cache.delete(keyId);
  }

  /** Drops keys that were not used for a month, and skipped message keys after a week. */
  async sweep(): Promise<void> {
    const changes = new Map<string, unknown>();
    for (const name of await this.storage.keys(PREFIX)) {
      const keyId = name.slice(PREFIX.length);
      const key = await this.find(keyId);
      if (key === undefined) continue;
      key.chain.dropOld(this.now());
      const unused = this.now() - key.used > UNUSED_MS;
      if (unused) this.cache.delete(keyId);
      changes.set(name, unused ? undefined : { ...this.entry(keyId, key)[1], used: key.used });
    }
    await this.storage.apply(changes);
  }

  private remember(keyId: string, key: ReceivedKey): void {
    this.cache.delete(keyId);
    this.cache.set(keyId, key);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED && oldest.done !== true) this.cache.delete(oldest.value);
  }
}

function sameOwner(a: KeyOwner, b: KeyOwner): boolean {
  return a.channelId === b.channelId && a.userId === b.userId && a.device === b.device;
}

/** False for a start that does not lead to the chain that is held: nothing has changed then. */
function extended(chain: ReceivedSenderKey, start: SenderKeyStart, now: number): boolean {
  try {
    chain.extend(start, now);
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}
