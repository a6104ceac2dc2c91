/** IndexedDB as promises, no more than is used here. */

/** Values of `Storage`, under their names. */
export const VALUES = 'values';
/** What belongs to the database itself: the sealing key, the lease. */
export const META = 'meta';

const VERSION = 1;

/** Opens the database, and makes its two stores the first time. Rejects with the browser's DOMException. */
export function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name, VERSION);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(VALUES);
      opening.result.createObjectStore(META);
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(reasonOf(opening.error));
  });
}

/** Deletes a database for good; resolves too when there is none. */
export function deleteDatabase(name: string): Promise<void> {
  return answerOf(indexedDB.deleteDatabase(name)).then(() => undefined);
}

/** What a single request gives. */
export function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(reasonOf(request.error));
  });
}

/** Resolves when the transaction is complete: with durability `strict` it is on the disk then. */
export function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(reasonOf(transaction.error));
  });
}

/** Browsers that do not know the option leave it out of account. */
export function writing(database: IDBDatabase, stores: string | string[]): IDBTransaction {
  return database.transaction(stores, 'readwrite', { durability: 'strict' });
}

/** Every string that begins with `prefix`; undefined: every string there is. */
export function rangeOf(prefix: string): IDBKeyRange {
  const end = afterAll(prefix);
  // Strings come before every array in the order of keys, and an empty array is the first of those.
  return IDBKeyRange.bound(prefix, end ?? [], false, true);
}

/** The first string behind all that begin with `prefix`, compared by UTF-16 units as IndexedDB does. */
function afterAll(prefix: string): string | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const unit = prefix.charCodeAt(length - 1);
    if (unit < 0xffff) return prefix.slice(0, length - 1) + String.fromCharCode(unit + 1);
  }
  return undefined;
}

function reasonOf(error: DOMException | null): Error {
  return error ?? new DOMException('the transaction was aborted', 'AbortError');
}
