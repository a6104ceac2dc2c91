/**
 * Comparison whose time does not tell where two values differ. For tags, tokens and hashes of secrets; never use `===`
 * for those.
 */

/** Whether both hold the same bytes. The lengths are taken as public. */
export function constantTimeEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at++) difference |= (left[at] ?? 0) ^ (right[at] ?? 0);
  return difference === 0;
}
