/** A JSON object whose members nobody has looked at yet. */
export type Dict = Record<string, unknown>;

/**
 * RFC 8785 (JSON Canonicalization Scheme), which every signature of the protocol is made over: members sorted by UTF-16 code units,
 * no white space, numbers and strings as ECMAScript writes them.
 */
export function jcs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${jcs(inner)}`).join(',')}}`;
}

/** The value at a dotted path, or undefined. */
export function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, name) => (inner as Dict | undefined)?.[name], value);
}

/** A copy with the member at a dotted path replaced; `undefined` removes it. */
export function changed<T>(value: T, path: string, replacement: unknown): T {
  const copy = structuredClone(value);
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.length === 0 ? copy : at(copy, names.join('.'));
  if (replacement === undefined) delete (parent as Dict)[last];
  else (parent as Dict)[last] = replacement;
  return copy;
}
