import { setTimeout as delay } from 'node:timers/promises';
import { machineCpu } from './machine.js';
import { cpuOf, treeOf } from './processes.js';

/** Processors that others may keep busy in a run that counts as undisturbed. */
export const CALM = 0.3;

const LOOK_MS = 500;
const LOOKS = 4;

/** Seconds that a run may wait for a quiet machine; by default none. */
export function patience(): number {
  return Number(process.env['BENCH_PATIENCE'] ?? 0);
}

/** Waits, within our patience, until others leave the machine alone for two seconds. */
export async function waitForCalm(): Promise<void> {
  const end = performance.now() + patience() * 1000;
  for (let calm = 0; calm < LOOKS && performance.now() < end;) {
    calm = (await foreignUse()) < CALM ? calm + 1 : 0;
  }
}

async function foreignUse(): Promise<number> {
  const use = busyByOthers();
  await delay(LOOK_MS);
  return use();
}

/** Call the answer at the end: the mean number of processors that others kept busy since. */
export function busyByOthers(): () => number {
  const ours = treeOf(process.pid);
  const [all, own, began] = [machineCpu(), cpuOf(ours), performance.now()];
  return () => {
    const seconds = (performance.now() - began) / 1000;
    return Math.max(0, (machineCpu() - all - (cpuOf(ours) - own)) / seconds);
  };
}
