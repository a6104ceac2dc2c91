// Runs inside Chromium: the storage suite over IndexedDB, case by case.
import { databaseName, deleteDatabase, IndexedDbStorage } from '../src/browser/index.js';
import { STORAGE_CASES, type StorageHouse } from '../test/storage-compliance.js';

let count = 0;

async function run(index: number): Promise<void> {
  const profile = `compliance-${count++}`;
  const opened: IndexedDbStorage[] = [];
  const open = () => {
    const storage = new IndexedDbStorage(profile);
    opened.push(storage);
    return storage;
  };
  const house: StorageHouse = {
    fresh: async () => open(),
    reopened: async () => {
      await opened.at(-1)?.close();
      return open();
    },
  };
  try {
    await STORAGE_CASES[index]?.run(house);
  } finally {
    for (const storage of opened) await storage.close();
    await deleteDatabase(databaseName(profile));
  }
}

Object.assign(globalThis, { storage: { run, IndexedDbStorage, databaseName, deleteDatabase } });
