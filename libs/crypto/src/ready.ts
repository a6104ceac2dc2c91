/** What has to be loaded before the package works in a browser. index.node.ts has its own `ready`. */
import { sodiumReady } from './sodium.js';
import { loadBrotli } from './wasm-brotli.js';

/**
 * Await this once before anything else of this package is used (encodings, `SecretBytes`, `randomBytes` and
 * `constantTimeEqual` work without). On Node it puts native engines in place. Calling it again costs nothing.
 */
export async function ready(): Promise<void> {
  // Without a Brotli decoder only compressed messages are refused, with `not_ready`; `loadBrotli` may be tried again.
  await Promise.all([sodiumReady(), loadBrotli().catch(() => undefined)]);
}
