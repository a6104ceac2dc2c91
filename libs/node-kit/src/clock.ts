/** Milliseconds since 1970 (`Date.now`). A parameter wherever a rule depends on the time, so that tests need not wait. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
