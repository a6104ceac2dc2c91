import type { z } from 'zod';
import { type ConfigTable, defaultText, isRequired, memberNotes } from './config-table.js';

/** A table for `--help` and the manual: variable, default, meaning. Needs no environment and shows no value of it. */
export function describeConfig<S extends z.ZodObject>(table: ConfigTable<S>): string {
  const rows = Object.keys(table.schema.shape).map((key) => describeMember(table, key));
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map((row) => `${row[0].padEnd(first)}  ${row[1].padEnd(second)}  ${row[2]}`.trimEnd()).join('\n');
}

function describeMember<S extends z.ZodObject>(table: ConfigTable<S>, key: string): [string, string, string] {
  const member = table.schema.shape[key] as z.core.$ZodType;
  const secret = table.secrets?.includes(key) ?? false;
  const variable = table.names[key] as string;
  const { description, example } = memberNotes(member);
  const fallback = secret ? undefined : defaultText(member);
  const notes = [description, example === undefined ? undefined : `e.g. ${example}`];
  return [
    secret ? `${variable}[_FILE]` : variable,
    fallback ?? (isRequired(member) ? 'required' : 'optional'),
    notes.filter((note) => note !== undefined).join('; '),
  ];
}
