import { invalidFormat } from './errors.js';

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [member: string]: Json };

/** Objects and arrays may be nested this deep; more has no use in the protocol and costs stack. */
export const MAX_JSON_DEPTH = 32;

/**
 * Parses JSON as the profile wants it (§1): U+0000, lone surrogates, duplicate members and non-finite numbers are refused with
 * 2000, as is nesting below MAX_JSON_DEPTH. `JSON.parse` accepts all of these, so what it hides is looked for here.
 *
 * A text that `JSON.stringify` gives back unchanged can hide no duplicate and no number out of range: that is the common case
 * and costs little. Everything else is scanned.
 */
export function parseJson(text: string): Json {
  const value = parse(text);
  const roundTrips = stringify(value) === text;
  if (!roundTrips) scanMembers(text);
  if (!roundTrips || !isPlain(text) || mayBeDeep(text)) checkValues(value, 0);
  return value;
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw invalidFormat('not_json');
  }
}

/** Deep nesting overflows the stack of JSON.stringify: the scan that follows names that fault. */
function stringify(value: Json): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !text.includes('\\u');
}

/** More openings than may be nested; a long text has so many near its beginning. */
function mayBeDeep(text: string): boolean {
  let openings = 0;
  for (let i = 0; i < text.length && openings <= MAX_JSON_DEPTH; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x7b || code === 0x5b) openings++;
  }
  return openings > MAX_JSON_DEPTH;
}

/** Refuses what a parsed value must not hold. Exported for values that did not come through `parseJson`. */
export function checkValues(value: unknown, depth: number): void {
  if (typeof value === 'string') return checkString(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalidFormat('number_out_of_range');
  if (typeof value !== 'object' || value === null) return;
  if (depth >= MAX_JSON_DEPTH) throw invalidFormat('nested_too_deep');
  for (const [member, inner] of Object.entries(value)) {
    checkString(member);
    checkValues(inner, depth + 1);
  }
}

function checkString(text: string): void {
  if (!text.isWellFormed()) throw invalidFormat('lone_surrogate');
  if (text.includes('\0')) throw invalidFormat('nul_character');
}

/** Walks a text that JSON.parse accepted, keeping the members of each open object, and refuses the second of a name. */
function scanMembers(text: string): void {
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(null);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, i);
      if (isMemberName(text, end)) addMember(open.at(-1), JSON.parse(text.slice(i, end + 1)) as string);
      i = end;
    }
    if (open.length > MAX_JSON_DEPTH) throw invalidFormat('nested_too_deep');
  }
}

function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

function isMemberName(text: string, end: number): boolean {
  let i = end + 1;
  while (text[i] === ' ' || text[i] === '\t' || text[i] === '\n' || text[i] === '\r') i++;
  return text[i] === ':';
}

function addMember(members: Set<string> | null | undefined, name: string): void {
  if (!members) return;
  if (members.has(name)) throw invalidFormat('duplicate_member');
  members.add(name);
}
