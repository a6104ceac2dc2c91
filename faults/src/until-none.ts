import { setTimeout as delay } from 'node:timers/promises';

/** To look at everything that thousands of messages left behind costs time that the nodes need as well. */
const EVERY_MS = 100;
/** So many times as long as a look took nobody looks. */
const SHARE = 10;
const SHOWN = 20;

/** Resolves when nothing is open any more; rejects with what still is when the guard is over. `meanwhile` is done before each look. */
export async function untilNone(
  what: string,
  open: () => string[],
  guardMs: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const end = performance.now() + guardMs;
  for (;;) {
    const began = performance.now();
    const left = open();
    if (left.length === 0) return;
    if (performance.now() > end) throw new Error(`${what}, ${left.length}: ${left.slice(0, SHOWN).join('; ')}`);
    await delay(Math.max(EVERY_MS, SHARE * (performance.now() - began)));
    await meanwhile();
  }
}
