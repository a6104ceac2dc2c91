/**
 * Randomness from the platform's CSPRNG (§4.4, §12.1). It keeps no state in this process, so neither a fork nor a
 * copied virtual machine repeats it here.
 */

import { fillRandom } from './random-source.js';

// The Web Cryptography API fills at most this many bytes in one call.
const MAX_CHUNK = 65_536;

/** `length` fresh random bytes. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += MAX_CHUNK) fillRandom(bytes.subarray(at, at + MAX_CHUNK));
  return bytes;
}
