const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/** §14.3: milliseconds before the next try after so many failures in a row (1, 2, …): 1 s, doubled, at most 60 s, ±25 %. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return base * (0.75 + random() / 2);
}
