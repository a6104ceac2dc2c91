import type { BlockedId } from '@dcp/contracts';

const HEADER = 'id,until';

/** Ids of a block list: the first column (RFC 4180), without header, empty lines and `#` comments. */
export function blockedIds(csv: string): string[] {
  return csv
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => (line.split(',')[0] ?? '').trim().replaceAll(/^"|"$/g, ''))
    .filter((id) => id !== '' && id !== 'id' && !id.startsWith('#'));
}

/** Ids and times need no quotes. */
export function csvOf(blocked: readonly BlockedId[]): string {
  return [HEADER, ...blocked.map(({ id, until }) => `${id},${until ?? ''}`), ''].join('\r\n');
}
