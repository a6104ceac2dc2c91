/** §14.3: 1 s at first, doubled each time up to 60 s, each ±25 %. */
export const INITIAL_DELAY_MS = 1_000;
export const MAX_DELAY_MS = 60_000;
export const MULTIPLIER = 2;
export const JITTER = 0.25;

export interface BackoffSettings {
  initialMs?: number;
  maxMs?: number;
  /** In [0, 1), for tests; default Math.random. */
  random?: () => number;
}

/** Milliseconds to wait before attempt `n` (0 for the first retry). */
export function backoffDelay(attempt: number, settings: BackoffSettings = {}): number {
  const { initialMs = INITIAL_DELAY_MS, maxMs = MAX_DELAY_MS, random = Math.random } = settings;
  const base = Math.min(maxMs, initialMs * MULTIPLIER ** Math.min(attempt, 30));
  return base * (1 - JITTER + 2 * JITTER * random());
}
