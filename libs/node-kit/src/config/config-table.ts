import type { z } from 'zod';

/** Environment values as they come: names to texts. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a service can be told. `names` maps each member of the schema to its environment variable; members listed in `secrets` are
 * never shown and may also come from a file named by `<VARIABLE>_FILE`. Texts become numbers and booleans through the schema
 * (`z.coerce.number()`, `z.stringbool()`); `.describe('…')` and `.meta({ example: '…' })` explain a member.
 */
export interface ConfigTable<S extends z.ZodObject> {
  schema: S;
  names: { readonly [K in keyof S['shape']]: string };
  secrets?: readonly (keyof S['shape'] & string)[];
}

export interface MemberNotes {
  description: string | undefined;
  example: string | undefined;
}

/** The notes of a member, looked for below `.default()` and `.optional()` too. */
export function memberNotes(member: z.core.$ZodType): MemberNotes {
  const notes: MemberNotes = { description: undefined, example: undefined };
  for (let type: z.core.$ZodType | undefined = member; type !== undefined; type = innerType(type)) {
    const meta = (type as z.ZodType).meta();
    notes.description ??= meta?.description;
    if (notes.example === undefined && meta?.['example'] !== undefined) notes.example = String(meta['example']);
  }
  return notes;
}

/** The value that holds when nothing is given, as text; undefined when there is none. */
export function defaultText(member: z.core.$ZodType): string | undefined {
  const { defaultValue } = (member as z.ZodType).def as { defaultValue?: unknown };
  if (defaultValue === undefined) return undefined;
  return typeof defaultValue === 'object' ? JSON.stringify(defaultValue) : String(defaultValue);
}

export function isRequired(member: z.core.$ZodType): boolean {
  return !(member as z.ZodType).isOptional();
}

function innerType(type: z.core.$ZodType): z.core.$ZodType | undefined {
  return ((type as z.ZodType).def as { innerType?: z.core.$ZodType }).innerType;
}
