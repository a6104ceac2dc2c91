const MULTIPLIER = 2;
const MAX_MS = 60_000;
const JITTER = 0.25;

/**
 * §14.3: milliseconds before attempt `failures + 1`: 1 s, doubled up to 60 s, each ±25 %. `firstMs` is the specification's second; tests
 * make it short.
 */
export function backoffMs(failures: number, firstMs: number, random: () => number): number {
  const base = Math.min(MAX_MS, firstMs * MULTIPLIER ** Math.min(failures - 1, 30));
  return base * (1 + JITTER * (2 * random() - 1));
}
