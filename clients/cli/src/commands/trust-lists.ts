import { parseJson } from '@dcp/protocol';
import { CliError } from '../cli-error.js';

/** Block lists as files: JSON as `dcp trust export` writes it or a plain array of ids, or CSV with the ids in its first column. */

export function blockListText(blocked: readonly { id: string; until: string | null }[], csv: boolean): string {
  if (!csv) return `${JSON.stringify({ blocked }, null, 2)}\n`;
  return ['id,until', ...blocked.map(({ id, until }) => `${id},${until ?? ''}`), ''].join('\r\n');
}

/** Each id once. Throws `usage` for JSON of another shape. */
export function idsOf(text: string): string[] {
  const ids = /^\s*[[{]/.test(text) ? idsOfJson(parseJson(text)) : idsOfCsv(text);
  return [...new Set(ids)];
}

function idsOfJson(value: unknown): string[] {
  const list = Array.isArray(value) ? value : (value as { blocked?: unknown }).blocked;
  if (!Array.isArray(list)) throw new CliError('usage', 'This is no block list: an array of ids, or {"blocked": […]}');
  return list.map((item: unknown) => {
    const id = typeof item === 'string' ? item : (item as { id?: unknown } | null)?.id;
    if (typeof id !== 'string') throw new CliError('usage', 'This is no block list: an item has no id');
    return id;
  });
}

function idsOfCsv(text: string): string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => (line.split(',')[0] ?? '').trim().replaceAll(/^"|"$/g, ''))
    .filter((id) => id !== '' && id !== 'id' && !id.startsWith('#'));
}
