/** The one door to libsodium's WASM build, closed until it has been compiled. */
import sodium, { ready as compiled } from 'libsodium-wrappers-sumo';
import { CryptoError } from './crypto-error.js';

let isReady = false;

/** Resolves when libsodium can be used. Calling it again costs nothing. */
export async function sodiumReady(): Promise<void> {
  await compiled;
  isReady = true;
}

/** libsodium. Throws `not_ready` before `ready()` has resolved. */
export function libsodium(): typeof sodium {
  if (!isReady) throw new CryptoError('not_ready', 'await ready() first');
  return sodium;
}
