import { inUse, type HeldProfile } from './held-profile.js';
import { answerOf, completed, META, writing } from './idb.js';

/** Who has the profile, and until when unless he says more. Milliseconds since 1970. */
interface LeaseRecord {
  holder: string;
  until: number;
}

const KEY = 'lease';
/** A holder that is silent for so long is taken for dead. Workers' timers are not throttled as far as this. */
const LIFE_MS = 8_000;
const HEARTBEAT_MS = 2_000;
const LOOK_AGAIN_MS = 250;

/**
 * A record with a heartbeat, for browsers without Web Locks. A holder that slept longer than its lease may wake when another has it: so
 * every writing transaction looks at the record too, and is refused.
 */
export async function lease(database: IDBDatabase, patienceMs: number): Promise<HeldProfile> {
  const holder = newHolder();
  // Nobody frees the record of a tab that has died: whoever is willing to wait, waits until it has run out.
  const end = Date.now() + (patienceMs > 0 ? Math.max(patienceMs, LIFE_MS + HEARTBEAT_MS) : 0);
  while (!(await take(database, holder))) {
    if (Date.now() >= end) throw inUse();
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  const heartbeat = setInterval(() => void take(database, holder).catch(() => undefined), HEARTBEAT_MS);
  return {
    guard: (transaction) => requireHolder(transaction, holder),
    release: async () => {
      clearInterval(heartbeat);
      await giveBack(database, holder);
    },
  };
}

async function take(database: IDBDatabase, holder: string): Promise<boolean> {
  const transaction = writing(database, META);
  const store = transaction.objectStore(META);
  const done = completed(transaction);
  const found = (await answerOf(store.get(KEY))) as LeaseRecord | undefined;
  const mayTake = found === undefined || found.holder === holder || !isAlive(found);
  if (mayTake) store.put({ holder, until: Date.now() + LIFE_MS } satisfies LeaseRecord, KEY);
  await done;
  return mayTake;
}

/** A clock that was set back must not keep everybody out for hours. */
function isAlive({ until }: LeaseRecord): boolean {
  const left = until - Date.now();
  return left > 0 && left <= LIFE_MS;
}

function requireHolder(transaction: IDBTransaction, holder: string): void {
  const asked = transaction.objectStore(META).get(KEY);
  asked.onsuccess = () => {
    if ((asked.result as LeaseRecord | undefined)?.holder !== holder) transaction.abort();
  };
}

async function giveBack(database: IDBDatabase, holder: string): Promise<void> {
  const transaction = writing(database, META);
  const store = transaction.objectStore(META);
  const done = completed(transaction);
  const found = (await answerOf(store.get(KEY))) as LeaseRecord | undefined;
  if (found?.holder === holder) store.delete(KEY);
  await done;
}

function newHolder(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(16)).join('-');
}
