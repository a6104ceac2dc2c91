import type { Changes, Storage } from '@dcp/client-sdk';

/**
 * A storage whose process dies at `cut`: what it wrote until then is there for the next one, what it wants to write afterwards never
 * ends, so nothing that has to be written first happens any more.
 */
export class CrashStorage implements Storage {
  private dead = false;

  constructor(private readonly inner: Storage) {}

  cut(): void {
    this.dead = true;
  }

  async get<T>(key: string): Promise<T | undefined> {
    return this.dead ? undefined : await this.inner.get<T>(key);
  }

  set(key: string, value: unknown): Promise<void> {
    return this.apply(new Map([[key, value]]));
  }

  delete(key: string): Promise<void> {
    return this.apply(new Map([[key, undefined]]));
  }

  apply(changes: Changes): Promise<void> {
    return this.dead ? new Promise(() => undefined) : this.inner.apply(changes);
  }

  async keys(prefix: string): Promise<string[]> {
    return this.dead ? [] : await this.inner.keys(prefix);
  }
}
