/** The entry for Node (`exports` condition "node"): the same names as index.ts, with native code behind `ready`. */
import { useEngine } from './engine.js';
import { nodeEngine } from './native-engine.js';
import { ready as wasmReady } from './sodium.js';

export * from './index.js';

let started: Promise<void> | undefined;

export function ready(): Promise<void> {
  started ??= start();
  return started;
}

async function start(): Promise<void> {
  await wasmReady();
  useEngine(await nodeEngine());
}
