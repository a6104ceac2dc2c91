import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DcpError } from '@dcp/protocol';

export interface FolderLock {
  release(): Promise<void>;
}

const FILE = 'in-use-by';

/**
 * One process at a time: the folder names the process that has it. One that has died gave it free. Throws CONFLICT `in_use` with the
 * other's process id.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, FILE);
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(await readFile(path, 'utf8').catch(() => ''));
      if (owner !== process.pid && isAlive(owner))
        throw new DcpError('CONFLICT', { reason: 'in_use', pid: owner }, `This profile is in use by process ${owner}`);
      if (owner === process.pid)
        throw new DcpError('CONFLICT', { reason: 'in_use', pid: owner }, 'This profile is open already');
      await rm(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
