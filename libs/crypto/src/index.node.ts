/** The entry for Node (`exports` condition "node"): the same names as index.ts, with native code behind `ready`. */
import { useEngine } from './engine.js';
import { useBrotli } from './brotli-codec.js';
import { nativeBrotli } from './native-brotli.js';
import { nodeEngine } from './native-engine.js';
import { nativePostQuantum } from './native-post-quantum.js';
import { javaScriptPostQuantum, usePostQuantum } from './post-quantum-engine.js';
import { sodiumReady } from './sodium.js';

export * from './index.js';

let started: Promise<void> | undefined;

export function ready(): Promise<void> {
  started ??= start();
  return started;
}

async function start(): Promise<void> {
  await sodiumReady();
  useEngine(await nodeEngine());
  usePostQuantum(nativePostQuantum() ?? javaScriptPostQuantum);
  useBrotli(nativeBrotli);
}

/** Puts Node's own Brotli in place, as `ready` does. */
export async function loadBrotli(): Promise<void> {
  useBrotli(nativeBrotli);
}
