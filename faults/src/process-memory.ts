import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { LONGEST_NEEDLE, search, type Hit, type Needle } from './needles.js';

const CHUNK = 16 * 1024 * 1024;
const PAGE = 4_096;
/** Bits 63 and 62 of an entry of `pagemap`: the page is in memory, or swapped out (proc_pid_pagemap(5)). */
const IN_USE = 0xc0;

export interface ProcessInfo {
  pid: number;
  command: string;
}

/** Every process that descends from this one, except those below `except`. */
export function descendants(except: number): ProcessInfo[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) noteParent(Number(name), parents);
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid);
    if (pid === except || parent === undefined) return false;
    return parent === process.pid || isOurs(parent);
  };
  return [...parents.keys()].filter(isOurs).map((pid) => ({ pid, command: commandOf(pid) }));
}

function noteParent(pid: number, parents: Map<number, number>): void {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything.
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  } catch {
    // It has ended meanwhile.
  }
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
}

export interface MemorySearch {
  hits: Hit[];
  bytes: number;
}

/**
 * Searches all of a process's memory that is really there; a process that has ended meanwhile has none. Throws when it may not be read:
 * then nothing is proven.
 */
export function searchMemory(pid: number, needles: readonly Needle[]): MemorySearch {
  if (!existsSync(`/proc/${pid}`)) return { hits: [], bytes: 0 };
  const memory = openOrExplain(pid, 'mem');
  const pages = openOrExplain(pid, 'pagemap');
  const found: MemorySearch = { hits: [], bytes: 0 };
  try {
    for (const [from, to] of readableRanges(pid))
      for (const run of presentRuns(pages, from, to)) searchRun(memory, run, needles, found);
  } finally {
    closeSync(memory);
    closeSync(pages);
  }
  return found;
}

function openOrExplain(pid: number, file: string): number {
  try {
    return openSync(`/proc/${pid}/${file}`, 'r');
  } catch (cause) {
    throw new Error(
      `the memory of process ${pid} cannot be read, so nothing is proven: run this test on Linux, as root or with CAP_SYS_PTRACE`,
      { cause },
    );
  }
}

function readableRanges(pid: number): [number, number][] {
  return (
    readFileSync(`/proc/${pid}/maps`, 'latin1')
      .split('\n')
      .map((line) => /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(\S*)/.exec(line))
      .filter((match) => match !== null)
      // The kernel's own pages hold nothing of the process and may not be read.
      .filter(([, , , name = '']) => !['[vvar]', '[vvar_vclock]', '[vsyscall]', '[vdso]'].includes(name))
      .map(([, from = '', to = '']) => [Number.parseInt(from, 16), Number.parseInt(to, 16)])
  );
}

/** Stretches of pages that are in use; the rest of a range was never touched. */
function* presentRuns(pagemap: number, from: number, to: number): Generator<[number, number]> {
  const entries = Buffer.alloc(Math.min((to - from) / PAGE, 65_536) * 8);
  let start: number | undefined;
  for (let at = from; at < to;) {
    const wanted = Math.min(entries.length, ((to - at) / PAGE) * 8);
    const read = readSync(pagemap, entries, 0, wanted, (at / PAGE) * 8);
    if (read === 0) break;
    for (let offset = 0; offset < read; offset += 8, at += PAGE) {
      const present = ((entries[offset + 7] ?? 0) & IN_USE) !== 0;
      if (present) start ??= at;
      else if (start !== undefined) {
        yield [start, at];
        start = undefined;
      }
    }
  }
  if (start !== undefined) yield [start, to];
}

function searchRun(
  memory: number,
  [from, to]: [number, number],
  needles: readonly Needle[],
  found: MemorySearch,
): void {
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, to - from));
  // What lies across two chunks is in the second one whole.
  for (let at = from; at < to; at += Math.max(chunk.length - LONGEST_NEEDLE, LONGEST_NEEDLE)) {
    const read = readOrNothing(memory, chunk, Math.min(chunk.length, to - at), at);
    found.bytes += read;
    found.hits.push(...search(chunk.subarray(0, read), needles));
    if (at + chunk.length >= to) break;
  }
  chunk.fill(0);
}

/** A page may go between the look at the map and the reading. */
function readOrNothing(memory: number, chunk: Buffer, length: number, at: number): number {
  try {
    return readSync(memory, chunk, 0, length, at);
  } catch (error) {
    if (['EIO', 'EFAULT'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}
