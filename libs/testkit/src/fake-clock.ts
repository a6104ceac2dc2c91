import type { Clock } from '@dcp/node-kit';

export interface FakeClock extends Clock {
  advance(ms: number): void;
}

/** A clock that stands still until it is advanced. */
export function fakeClock(start: number = Date.parse('2026-01-01T00:00:00.000Z')): FakeClock {
  let now = start;
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}
