import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

interface Stat {
  parent: number;
  command: string;
  /** User and system time in seconds. */
  cpu: number;
}

/** proc(5); undefined when the process is gone. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return {
      parent: Number(fields[1]),
      command: text.slice(text.indexOf('(') + 1, end),
      cpu: ticks / TICKS_PER_SECOND,
    };
  } catch {
    return undefined;
  }
}

function everyProcess(): Map<number, Stat> {
  const all = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) all.set(Number(name), stat);
  }
  return all;
}

/** The given processes and everything below them. */
export function treeOf(...roots: number[]): number[] {
  const all = everyProcess();
  const found = roots.filter((pid) => all.has(pid));
  for (const pid of found) {
    for (const [child, { parent }] of all) if (parent === pid && !found.includes(child)) found.push(child);
  }
  return found;
}

/** Our own children with this name. */
export function childrenCalled(command: string): number[] {
  const all = [...everyProcess()];
  return all.filter(([, stat]) => stat.parent === process.pid && stat.command === command).map(([pid]) => pid);
}

/** Seconds. */
export function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (statOf(pid)?.cpu ?? 0), 0);
}

/** Resident KiB. */
export function residentKib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + residentOf(pid), 0);
}

function residentOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
