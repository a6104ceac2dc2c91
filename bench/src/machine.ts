import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export const BENCH_FOLDER = join(import.meta.dirname, '..');
export const ROOT_FOLDER = join(BENCH_FOLDER, '..');

/** One line that says what the figures were measured on. */
export function machineLine(): string {
  const [first] = cpus();
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} × ${first?.model.trim()}, ${gib} GiB, Linux ${release()}, Node ${process.version}, commit ${commit()}`;
}

/** The commit of the checkout, with a mark when files differ from it. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT_FOLDER, encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain') === '' ? '' : ' with changes';
    return `${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'unknown';
  }
}

/** Slab memory and socket buffers of the whole machine, in KiB: both ends of a loopback connection are in them. */
export function kernelKib(): number {
  const slab = /^Slab:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '0';
  const pages = /^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1] ?? '0';
  return Number(slab) + Number(pages) * 4;
}

/** Seconds that all processors of the machine have worked since it started. */
export function machineCpu(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq) / 100;
}
