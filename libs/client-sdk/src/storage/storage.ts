/** Keys and their new values; undefined deletes. */
export type Changes = ReadonlyMap<string, unknown>;

/**
 * Where a client keeps what must outlive the process: keys, the outbox, how far each channel was read. Values are JSON. A write that has
 * resolved survives a crash in the adapters that can promise that.
 */
export interface Storage {
  get<T>(key: string): Promise<T | undefined>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** All or nothing; undefined deletes, in `set` too. */
  apply(changes: Changes): Promise<void>;
  /** Keys that begin with `prefix`, sorted. */
  keys(prefix: string): Promise<string[]>;
}

/** What an adapter that was closed answers: a client that still has something under way must not open it again. */
export function storageClosed(): Error {
  return new Error('the storage was closed');
}

/** Keeps everything in memory: for tests and for accounts that leave no trace. */
export class MemoryStorage implements Storage {
  private readonly values = new Map<string, string>();

  async get<T>(key: string): Promise<T | undefined> {
    const text = this.values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  set(key: string, value: unknown): Promise<void> {
    return this.apply(new Map([[key, value]]));
  }

  delete(key: string): Promise<void> {
    return this.apply(new Map([[key, undefined]]));
  }

  async apply(changes: Changes): Promise<void> {
    // All texts first: a value that is no JSON must not leave half a batch behind.
    const texts = [...changes].map(([key, value]) => [key, JSON.stringify(value) as string | undefined] as const);
    for (const [key, text] of texts) {
      if (text === undefined) this.values.delete(key);
      else this.values.set(key, text);
    }
  }

  async keys(prefix: string): Promise<string[]> {
    return [...this.values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}
