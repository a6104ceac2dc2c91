import * as z from 'zod';
import { keyRotation, type KeyRotation, MAX_ROTATIONS } from './federation.js';
import { nodeIdField, timeField } from './fields.js';

/** A key under which session tokens were signed before the node's key changed; they are believed until they are over. */
export const formerTokenKey = z.looseObject({
  kid: z.string().regex(/^[0-9a-f]{16}$/),
  /** Base64url of the 32 raw bytes, as in a JWK. */
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  until: timeField,
});
export type FormerTokenKey = z.infer<typeof formerTokenKey>;

/** What a change of the node's key leaves behind; nothing in it is secret (profile §6). */
export const rotationsFile = z.looseObject({
  node: nodeIdField,
  /** From the oldest to the present key. */
  rotations: z.array(keyRotation).max(MAX_ROTATIONS),
  token_keys: z.array(formerTokenKey).max(MAX_ROTATIONS),
});
export type RotationsFile = z.infer<typeof rotationsFile>;

/**
 * The steps that lead to a key, oldest first. Steps behind it are left out: a change that was begun and did not come to its end has not
 * happened. Undefined: the key is in none of them, though there are some.
 */
export function rotationsTo(key: string, rotations: readonly KeyRotation[]): KeyRotation[] | undefined {
  const last = rotations.findLastIndex(({ to }) => to === key);
  if (last >= 0) return rotations.slice(0, last + 1);
  return rotations.length === 0 || rotations[0]?.from === key ? [] : undefined;
}
