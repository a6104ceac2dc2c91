import { afterEach, beforeAll, describe, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStorage } from '../src/node/file-storage.js';
import { randomBytes, ready, SecretBytes } from '@dcp/crypto';
import { SealedStorage } from '../src/storage/sealed-storage.js';
import { MemoryStorage } from '../src/storage/storage.js';
import { STORAGE_CASES, type StorageHouse } from './storage-compliance.js';

beforeAll(ready);

const folders: string[] = [];
const opened: FileStorage[] = [];

afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

function fileStorage(folder: string): FileStorage {
  const storage = new FileStorage(folder);
  opened.push(storage);
  return storage;
}

const files: StorageHouse = {
  fresh: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dcp-compliance-'));
    folders.push(folder);
    return fileStorage(folder);
  },
  reopened: async () => {
    await opened.at(-1)?.close();
    return fileStorage(folders.at(-1) ?? '');
  },
};

describe.each([
  ['MemoryStorage', { fresh: async () => new MemoryStorage() }],
  ['FileStorage', files],
  ['SealedStorage', { fresh: async () => new SealedStorage(new MemoryStorage(), new SecretBytes(randomBytes(32))) }],
] as [string, StorageHouse][])('%s', (_name, house) => {
  it.each([...STORAGE_CASES])('$title', async ({ run }) => await run(house));
});
