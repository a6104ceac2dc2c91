import { malformed } from './byte-reader.js';

/** Refuses (`malformed`) what is no time in milliseconds since 1970: limits by age would not hold. */
export function checkTime(now: number): void {
  if (!Number.isSafeInteger(now) || now < 0) throw malformed();
}
