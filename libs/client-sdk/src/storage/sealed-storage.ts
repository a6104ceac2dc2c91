import { fromBase64, fromUtf8, openState, sealState, toBase64, toUtf8, type SecretBytes } from '@dcp/crypto';
import type { Changes, Storage } from './storage.js';

/**
 * Seals every value under one key before it reaches the storage below, bound to its name, so that values can neither be read nor be
 * swapped. The names stay readable: they hold ids, never content.
 */
export class SealedStorage implements Storage {
  constructor(
    private readonly inner: Storage,
    private readonly key: SecretBytes,
  ) {}

  async get<T>(key: string): Promise<T | undefined> {
    const sealed = await this.inner.get<string>(key);
    if (sealed === undefined) return undefined;
    return JSON.parse(fromUtf8(openState(this.key, key, fromBase64(sealed)))) as T;
  }

  set(key: string, value: unknown): Promise<void> {
    return this.apply(new Map([[key, value]]));
  }

  delete(key: string): Promise<void> {
    return this.inner.delete(key);
  }

  async apply(changes: Changes): Promise<void> {
    await this.inner.apply(
      new Map([...changes].map(([key, value]) => [key, value === undefined ? undefined : this.seal(key, value)])),
    );
  }

  keys(prefix: string): Promise<string[]> {
    return this.inner.keys(prefix);
  }

  private seal(key: string, value: unknown): string {
    return toBase64(sealState(this.key, key, toUtf8(JSON.stringify(value))));
  }
}
