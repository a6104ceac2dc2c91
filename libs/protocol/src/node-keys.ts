import * as z from 'zod';
import { keyRotation, type KeyRotation, MAX_ROTATIONS, withoutSignatures } from './federation.js';
import { nodeIdField, timeField } from './fields.js';
import { signingInput } from './signing.js';

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

/** A node's key changes: what the step says, and who signs it. Keys are texts. */
export interface KeyChange {
  node: string;
  from: string;
  to: string;
  /** The post-quantum key that comes with `to`. */
  to_pq: string;
  /** Under it session tokens were signed so far; milliseconds since 1970 until which they are believed. */
  former: { kid: string; x: string; until: number };
  now: number;
  /** Signature texts over a preimage: by `from`, and by `from` and the post-quantum key beside it. */
  sign(preimage: Uint8Array): string;
  signHybrid(preimage: Uint8Array): string;
}

/** The file with this change added, or why other nodes would not follow it: the rest of a sentence about the file. */
export function changedKey(
  before: RotationsFile | undefined,
  change: KeyChange,
): { file: RotationsFile } | { refused: string } {
  const { node, from, to, to_pq, now } = change;
  if (before !== undefined && before.node !== node) return { refused: `is about the node ${before.node}, not ${node}` };
  const steps = rotationsTo(from, before?.rotations ?? []);
  if (steps === undefined) return { refused: 'does not lead to the key that the node has now' };
  if (steps.length >= MAX_ROTATIONS)
    return { refused: `has ${MAX_ROTATIONS} changes of the key already: other nodes follow no further` };
  const plain = { node, from, to, to_pq, issued: new Date(now).toISOString() };
  const step = { ...plain, hybrid: change.signHybrid(signingInput('NODE', withoutSignatures(plain))) };
  const rotations = [...steps, { ...step, signature: change.sign(signingInput('NODE', step)) }];
  return { file: { node, rotations, token_keys: tokenKeys(before, change) } };
}

function tokenKeys(before: RotationsFile | undefined, { former, now }: KeyChange): FormerTokenKey[] {
  const { kid, x, until } = former;
  const live = (before?.token_keys ?? []).filter((one) => one.kid !== kid && Date.parse(one.until) > now);
  return [...live, { kid, x, until: new Date(until).toISOString() }];
}
