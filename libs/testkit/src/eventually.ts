import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * Repeats an assertion until it holds and returns its value; rethrows its last failure when the guard is over. For effects that tell
 * nobody: where there is an event, wait for the event.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, guardMs = 10_000): Promise<T> {
  const end = performance.now() + guardMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await delay(POLL_MS);
  }
}
