import { execFile } from 'node:child_process';
import { chmod, mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BLOCK = Buffer.alloc(1024 * 1024);

/** A disk of its own for one folder, which can be filled to the last byte and freed again. */
export class SmallDisk {
  private constructor(private readonly folder: string) {}

  /** Throws a sentence that says what is missing where this machine cannot mount. */
  static async mount(folder: string, megabytes: number): Promise<SmallDisk> {
    await mkdir(folder, { recursive: true });
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'dcp-faults', folder]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const what = 'The test of a full disk needs a disk of its own: run it as root (or with CAP_SYS_ADMIN) on Linux.';
      throw new Error(`${what} What failed: ${why}`, { cause: error });
    }
    await chmod(folder, 0o711);
    return new SmallDisk(folder);
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }

  /** Takes what is free; what is freed meanwhile is taken when this is called again. */
  async fill(): Promise<void> {
    const file = await open(this.#ballast, 'a');
    try {
      for (let size = BLOCK.length; size >= 512;) {
        const written = await file.write(BLOCK, 0, size).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOSPC') throw error;
          return undefined;
        });
        if (written?.bytesWritten !== size) size /= 2;
      }
    } finally {
      await file.close();
    }
  }

  async free(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  async end(): Promise<void> {
    await run('umount', ['--lazy', this.folder]);
  }
}
