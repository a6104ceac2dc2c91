import { storageClosed, type Changes, type Storage } from '../storage/storage.js';
import { inUse, type HeldProfile } from './held-profile.js';
import { answerOf, completed, META, openDatabase, rangeOf, VALUES, writing } from './idb.js';
import { lockProfile } from './profile-lock.js';

export interface IndexedDbOptions {
  /** How long to wait for another tab to let the profile go, in milliseconds; default 0. A reload needs a moment. */
  patienceMs?: number;
}

interface Opened {
  database: IDBDatabase;
  lock: HeldProfile;
}

const NAME = 'dcp/';

/** Name of the database of a profile. */
export function databaseName(profile: string): string {
  return NAME + profile;
}

/**
 * A profile's database. Each batch of changes is one transaction of durability `strict`: when `apply` resolves it has been flushed to
 * the disk, and after a crash it is there whole or not at all. The profile is locked from the first use until `close`: CONFLICT
 * `in_use` for everybody else.
 */
export class IndexedDbStorage implements Storage {
  private opening: Promise<Opened> | undefined;
  private closed = false;

  constructor(
    readonly profile: string,
    private readonly options: IndexedDbOptions = {},
  ) {}

  async get<T>(key: string): Promise<T | undefined> {
    const { database } = await this.opened();
    const store = database.transaction(VALUES, 'readonly').objectStore(VALUES);
    const text = (await answerOf(store.get(key))) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  set(key: string, value: unknown): Promise<void> {
    return this.apply(new Map([[key, value]]));
  }

  delete(key: string): Promise<void> {
    return this.apply(new Map([[key, undefined]]));
  }

  async apply(changes: Changes): Promise<void> {
    if (changes.size === 0) return;
    // As text, so that what is read is what the other storages would give, and so that a value that is no JSON fails before anything is written.
    const written = [...changes].map(([key, value]) => [key, JSON.stringify(value) as string | undefined] as const);
    await this.write(VALUES, (store) => {
      for (const [key, text] of written) {
        if (text === undefined) store.delete(key);
        else store.put(text, key);
      }
    });
  }

  async keys(prefix: string): Promise<string[]> {
    const { database } = await this.opened();
    const store = database.transaction(VALUES, 'readonly').objectStore(VALUES);
    return (await answerOf(store.getAllKeys(rangeOf(prefix)))) as string[];
  }

  /** Something that is no JSON, beside the values: a CryptoKey. */
  async getMeta(key: string): Promise<unknown> {
    const { database } = await this.opened();
    return await answerOf(database.transaction(META, 'readonly').objectStore(META).get(key) as IDBRequest<unknown>);
  }

  setMeta(key: string, value: unknown): Promise<void> {
    return this.write(META, (store) => void store.put(value, key));
  }

  /** Gives the profile free for another tab; nothing is read or written after it. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const opened = await this.opening?.catch(() => undefined);
    await opened?.lock.release();
    opened?.database.close();
  }

  private async write(name: string, change: (store: IDBObjectStore) => void): Promise<void> {
    const { database, lock } = await this.opened();
    const transaction = writing(database, lock.guard === undefined ? name : [VALUES, META]);
    const done = completed(transaction);
    lock.guard?.(transaction);
    change(transaction.objectStore(name));
    // The guard's refusal is the only abort without an error of its own.
    await done.catch((error: unknown) => {
      throw lock.guard !== undefined && transaction.error === null ? inUse() : error;
    });
  }

  private opened(): Promise<Opened> {
    if (this.closed) return Promise.reject(storageClosed());
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<Opened> {
    const database = await openDatabase(databaseName(this.profile));
    try {
      const lock = await lockProfile(database, this.options.patienceMs ?? 0);
      return { database, lock };
    } catch (error) {
      database.close();
      throw error;
    }
  }
}
