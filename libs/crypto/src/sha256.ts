/** SHA-256 (FIPS 180-4), synchronous. */
import { engine } from './engine.js';

/** The 32-byte digest of `data`. */
export function sha256(data: Uint8Array): Uint8Array {
  return engine().sha256(data);
}
