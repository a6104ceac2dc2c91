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
  /** All or nothing. */
  apply(changes: Changes): Promise<void>;
  /** Keys that begin with `prefix`, sorted. */
  keys(prefix: string): Promise<string[]>;
}

/** Keeps everything in memory: for tests and for accounts that leave no trace. */
export class MemoryStorage implements Storage {
  private readonly values = new Map<string, string>();

  async get<T>(key: string): Promise<T | undefined> {
    const text = this.values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  async set(key: string, value: unknown): Promise<void> {
    this.values.set(key, JSON.stringify(value));
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key);
  }

  async apply(changes: Changes): Promise<void> {
    for (const [key, value] of changes) {
      if (value === undefined) this.values.delete(key);
      else this.values.set(key, JSON.stringify(value));
    }
  }

  async keys(prefix: string): Promise<string[]> {
    return [...this.values.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}
