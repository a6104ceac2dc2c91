import { spawnSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The user that PostgreSQL runs as. */
export interface ProcessUser {
  name: string;
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root: then an unprivileged account of the machine is taken. Undefined when we are not root. */
export function postgresUser(): ProcessUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return findUser('postgres') ?? findUser('nobody') ?? { name: 'uid 65534', uid: 65_534, gid: 65_534 };
}

function findUser(name: string): ProcessUser | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return Number(uid) > 0 ? { name, uid: Number(uid), gid: Number(gid) } : undefined;
}

/** Asks the kernel, because modes, groups, access lists and mount options all count. */
export function canUse(user: ProcessUser, path: string, kind: 'enter' | 'execute' | 'read'): boolean {
  const test = kind === 'read' ? '-r' : '-x';
  const options = { uid: user.uid, gid: user.gid, cwd: '/', env: {} };
  return spawnSync('/bin/sh', ['-c', `test ${test} "$1"`, 'sh', path], options).status === 0;
}

/** The highest folder on the way to `path` that the user cannot enter; undefined when it can reach `path`. */
export function closedFolder(user: ProcessUser, path: string): string | undefined {
  if (canUse(user, path, 'enter')) return undefined;
  return ancestors(path).find((folder) => !canUse(user, folder, 'enter'));
}

/** `/a/b/c` → `/`, `/a`, `/a/b`, `/a/b/c`. */
export function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...ancestors(parent), path];
}

/** True when only root can put something in the place of `path`: owned by root up to `/`, writable by nobody else, no link. */
export function onlyRootWrites(path: string): boolean {
  return ancestors(path).every((folder) => {
    const { uid, mode } = lstatSync(folder);
    return uid === 0 && (mode & 0o022) === 0 && (mode & 0o170_000) === 0o040_000;
  });
}
