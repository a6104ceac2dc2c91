import { setTimeout as delay } from 'node:timers/promises';
import { busyByOthers } from './calm.js';
import { type LoadOptions, type LoadResult, LoadRun, type SetUp } from './load-tool.js';
import { cpuOf } from './processes.js';
import type { Subject } from './subject.js';

export interface Measured extends LoadResult {
  setUp: SetUp;
  /** CPU seconds of the processes that hold sockets. */
  doorCpu: number;
  /** CPU seconds of every process of the subject. */
  totalCpu: number;
  /** CPU seconds by part. */
  parts: Record<string, number>;
  /** Processors that others on this machine kept busy meanwhile, 0 to their number. */
  foreign: number;
}

const QUIET_LOOK_MS = 300;
const QUIET_GUARD_MS = 20_000;
/** Share of one processor. */
const QUIET = 0.05;

export type RunOptions = Omit<LoadOptions, 'url' | 'path' | 'delivery' | 'error'>;

/** One load run with all its rounds. Each begins when the subject has nothing left to do. */
export async function measure(subject: Subject, options: RunOptions): Promise<Measured[]> {
  const { url, path, delivery, error } = subject;
  const run = LoadRun.start({ ...options, url, path, delivery, ...(error === undefined ? {} : { error }) });
  try {
    const setUp = await run.setUp();
    const results: Measured[] = [];
    for (const _ of options.messages) results.push(await measureRound(subject, run, setUp));
    await run.end();
    await untilQuiet(subject);
    return results;
  } finally {
    await run.kill();
  }
}

async function measureRound(subject: Subject, run: LoadRun, setUp: SetUp): Promise<Measured> {
  await untilQuiet(subject);
  let before = cpuByPart(subject);
  let others = () => 0;
  const result = await run.round(() => {
    before = cpuByPart(subject);
    others = busyByOthers();
  });
  const after = cpuByPart(subject);
  const foreign = others();
  const spent = Object.entries(after).map(([name, cpu]): [string, number] => [name, cpu - (before[name] ?? 0)]);
  const { [DOORS]: doorCpu = 0, ...parts } = Object.fromEntries(spent);
  const totalCpu = Object.values(parts).reduce((sum, cpu) => sum + cpu, 0);
  return { ...result, setUp, doorCpu, totalCpu, parts, foreign };
}

const DOORS = 'doors';

/** Seconds. Connections to PostgreSQL come and go with the load, so the processes are looked for each time. */
function cpuByPart(subject: Subject): Record<string, number> {
  const parts = Object.entries({ ...subject.processes(), [DOORS]: [...subject.doors] });
  return Object.fromEntries(parts.map(([name, pids]) => [name, cpuOf(pids)]));
}

/** Waits, within limits, until the subject has dealt with what the last run left behind. */
export async function untilQuiet(subject: Pick<Subject, 'processes'>): Promise<void> {
  const pids = Object.values(subject.processes()).flat();
  const end = performance.now() + QUIET_GUARD_MS;
  for (let quiet = false; !quiet && performance.now() < end;) {
    const before = cpuOf(pids);
    await delay(QUIET_LOOK_MS);
    quiet = (cpuOf(pids) - before) / (QUIET_LOOK_MS / 1000) <= QUIET;
  }
}
