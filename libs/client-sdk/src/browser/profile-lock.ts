import { DcpError } from '@dcp/protocol';
import { inUse, type HeldProfile } from './held-profile.js';
import { lease } from './lease.js';

/**
 * One tab or worker at a time: two with the same keys would use a ratchet twice. A Web Lock where there are any (the browser frees it
 * when its holder dies), else a lease in the database. Throws CONFLICT `in_use`, after waiting `patienceMs` for the one who has it.
 */
export function lockProfile(database: IDBDatabase, patienceMs: number): Promise<HeldProfile> {
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks === undefined ? lease(database, patienceMs) : webLock(locks, database.name, patienceMs);
}

function webLock(locks: LockManager, name: string, patienceMs: number): Promise<HeldProfile> {
  return new Promise((resolve, reject) => {
    const until = patienceMs > 0 ? waiting(patienceMs) : undefined;
    const options: LockOptions = until === undefined ? { ifAvailable: true } : { signal: until.signal };
    const held = locks.request(name, { mode: 'exclusive', ...options }, (lock) => {
      until?.done();
      if (lock === null) throw inUse();
      return new Promise<void>((free) => {
        resolve({
          guard: undefined,
          release: () => {
            free();
            return held.catch(() => undefined);
          },
        });
      });
    });
    held.catch((error: unknown) => reject(error instanceof DcpError ? error : inUse()));
  });
}

function waiting(patienceMs: number): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), patienceMs);
  return { signal: controller.signal, done: () => clearTimeout(timer) };
}
