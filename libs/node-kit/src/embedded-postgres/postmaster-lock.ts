import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresStartError } from './start-error.js';

const POLL_MS = 50;
/** After a killed node its watcher stops the server within this time; a server that stays belongs to a living node. */
const OWNER_GONE_MS = 2_000;
const STOPPING_MS = 60_000;

/**
 * Makes the way free for a start: a lock file that a crash left is removed (its process id may be another program's by now), a
 * server that is stopping is waited for, a running one is an error.
 */
export async function clearPostmasterLock(data: string): Promise<void> {
  const started = Date.now();
  for (;;) {
    const lock = readLock(data);
    if (lock === undefined) return;
    if (!isServerOf(data, lock.pid)) return rmSync(join(data, 'postmaster.pid'), { force: true });
    if (Date.now() - started > (lock.status === 'stopping' ? STOPPING_MS : OWNER_GONE_MS))
      throw alreadyRunning(data, lock.pid);
    await delay(POLL_MS);
  }
}

export function alreadyRunning(data: string, pid?: number): PostgresStartError {
  const which = pid === undefined ? '' : ` (process ${pid})`;
  return new PostgresStartError(
    `Another PostgreSQL${which} uses ${data} already: a data folder serves one node at a time.`,
  );
}

/** Line 1 is the process id, line 8 the status. */
function readLock(data: string): { pid: number; status: string } | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), status: (lines[7] ?? '').trim() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A server's working folder is its data folder; where there is no /proc its command line names it. */
function isServerOf(data: string, pid: number): boolean {
  if (!(pid > 0)) return false;
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
    } catch {
      return false;
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return (stdout ?? '').includes(data);
}
