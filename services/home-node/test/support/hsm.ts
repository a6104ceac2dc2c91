import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'hsm-main.js');

export interface Ended {
  code: number;
  output: string;
}

/** One command of `npm run hsm`, with nothing of our environment. */
export function hsm(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  return ended(MAIN, env, args);
}

/** Runs a script to its end, for what it says; ended by force after the guard. */
export function ended(script: string, env: Record<string, string>, args: string[] = []): Promise<Ended> {
  const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 60_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

/** The files below a folder that hold one of the secrets: as they are, in base64 or in hex. */
export async function filesWith(folder: string, secrets: readonly Uint8Array[]): Promise<string[]> {
  const needles = secrets.flatMap((secret) => {
    const bytes = Buffer.from(secret);
    const base64 = bytes.toString('base64').replace(/=+$/, '');
    return [bytes, Buffer.from(base64), Buffer.from(bytes.toString('base64url')), Buffer.from(bytes.toString('hex'))];
  });
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    if (needles.some((needle) => content.includes(needle))) found.push(file);
  }
  return found;
}
