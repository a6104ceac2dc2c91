import { CliError } from '../cli-error.js';

const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** `90s`, `30m`, `12h`, `7d` in seconds. */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined)
    throw new CliError('usage', `"${text}" is no duration: use 30m, 12h or 7d`);
  return Number(count) * UNITS[unit as keyof typeof UNITS];
}
