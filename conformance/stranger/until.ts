import { setTimeout as delay } from 'node:timers/promises';

/** Asks again until the answer is there: for what a node tells nobody by itself. */
export async function until<T>(probe: () => Promise<T | undefined> | T | undefined, guardMs = 15_000): Promise<T> {
  const end = Date.now() + guardMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`nothing within ${guardMs} ms`);
    await delay(50);
  }
}

/** A point of time of the protocol itself (an expiry) has passed. */
export async function past(time: string | number): Promise<void> {
  await delay(Math.max(0, new Date(time).getTime() - Date.now() + 20));
}
