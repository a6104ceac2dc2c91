import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Storage } from '../storage/storage.js';

/** One file a key in a folder that only its user reads (mode 700, files 600); written beside, synced and renamed, so never half. */
export class FileStorage implements Storage {
  private writes = 0;

  constructor(private readonly folder: string) {}

  async get<T>(key: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(this.path(key), 'utf8')) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async set(key: string, value: unknown): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const beside = `${this.path(key)}.${process.pid}.${this.writes++}.tmp`;
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify(value));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.path(key));
  }

  async delete(key: string): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  async keys(prefix: string): Promise<string[]> {
    const files = await readdir(this.folder).catch(() => [] as string[]);
    return files
      .filter((file) => file.endsWith('.json'))
      .map((file) => decodeURIComponent(file.slice(0, -'.json'.length)))
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  private path(key: string): string {
    return join(this.folder, `${encodeURIComponent(key)}.json`);
  }
}
