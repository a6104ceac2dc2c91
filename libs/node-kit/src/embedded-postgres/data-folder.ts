import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chown, link, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './binaries.js';
import { closedFolder, type ProcessUser } from './process-user.js';
import { PostgresStartError } from './start-error.js';

export interface DataFolder {
  /** PostgreSQL's own folder. */
  data: string;
  /** Its sockets. */
  run: string;
  password: string;
}

const run = promisify(execFile);

/**
 * Makes `dataDir` ready: `data` and `run` belong to PostgreSQL's user, the superuser's password stays in a file of ours (0600).
 * A new cluster is made under another name and then renamed, so that a crash leaves no half of one.
 */
export async function prepareDataFolder(
  dataDir: string,
  binaries: PostgresBinaries,
  user: ProcessUser | undefined,
  fast: boolean,
): Promise<DataFolder> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  checkReachable(dataDir, user);
  const folder = { data: join(dataDir, 'data'), run: join(dataDir, 'run'), password: await readPassword(dataDir) };
  if (!(await exists(folder.data))) await createCluster(dataDir, folder, binaries, user, fast);
  await checkVersion(folder.data, binaries);
  await mkdir(folder.run, { recursive: true, mode: 0o700 });
  for (const path of [folder.data, folder.run]) await giveTo(path, user);
  return folder;
}

function checkReachable(dataDir: string, user: ProcessUser | undefined): void {
  if (user === undefined) return;
  const closed = closedFolder(user, dataDir);
  if (closed === undefined) return;
  throw new PostgresStartError(
    `PostgreSQL cannot run as root, so it runs as ${user.name}, which cannot enter ${closed}. ` +
      `Choose another data folder (for example /var/lib/dcp/data), open this one (chmod o+x ${closed}), or set DATABASE_URL.`,
  );
}

/** Two nodes that start at once agree on one password: the first link wins. */
async function readPassword(dataDir: string): Promise<string> {
  const path = join(dataDir, 'postgres-password');
  if (!(await exists(path))) {
    if (await exists(join(dataDir, 'data'))) {
      throw new PostgresStartError(
        `${path} is missing, and without it the database in ${dataDir} cannot be opened: restore that file.`,
      );
    }
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(draft, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx' });
    await link(draft, path).catch(() => {});
    await rm(draft);
  }
  return (await readFile(path, 'utf8')).trim();
}

async function createCluster(
  dataDir: string,
  folder: DataFolder,
  binaries: PostgresBinaries,
  user: ProcessUser | undefined,
  fast: boolean,
): Promise<void> {
  const draft = await mkdtemp(join(dataDir, '.initdb-'));
  try {
    const passwordFile = join(draft, 'password');
    await writeFile(passwordFile, folder.password, { mode: 0o600 });
    await giveTo(draft, user);
    await initdb(draft, passwordFile, binaries, user, fast);
    await rename(join(draft, 'data'), folder.data).catch(async (error: unknown) => {
      if (!(await exists(folder.data))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function initdb(
  draft: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  user: ProcessUser | undefined,
  fast: boolean,
): Promise<void> {
  const options = ['-D', join(draft, 'data'), '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  // Upper and lower case of all scripts, without depending on the machine's locales.
  options.push('-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C');
  if (fast) options.push('--no-sync');
  const owner = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: draft };
  await run(join(binaries.folder, 'bin', 'initdb'), options, { ...owner, cwd: draft, env }).catch((error: unknown) => {
    const output = String((error as { stderr?: string }).stderr ?? '').trim();
    throw new PostgresStartError(`PostgreSQL could not create its data folder: ${output}`, { cause: error });
  });
}

async function checkVersion(data: string, binaries: PostgresBinaries): Promise<void> {
  const found = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  const ours = binaries.version.split('.', 1)[0];
  if (found === ours) return;
  throw new PostgresStartError(
    `${data} was made by PostgreSQL ${found}, and this node brings ${ours}: move it over with pg_dump.`,
  );
}

/** The folder may come from a run under another user; the walk is needed only then. */
async function giveTo(path: string, user: ProcessUser | undefined): Promise<void> {
  if (user !== undefined && (await lstat(path)).uid !== user.uid) await chownAll(path, user);
}

/** The top comes last: an interrupted walk is repeated. */
async function chownAll(path: string, user: ProcessUser): Promise<void> {
  const stats = await lstat(path);
  if (stats.isDirectory()) for (const name of await readdir(path)) await chownAll(join(path, name), user);
  if (!stats.isSymbolicLink()) await chown(path, user.uid, user.gid);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
