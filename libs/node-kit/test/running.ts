import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

const made: string[] = [];

/** A folder that PostgreSQL's user can enter; `removeFolders` takes it away. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dcp-node-kit-'));
  await chmod(folder, 0o711);
  made.push(folder);
  return folder;
}

/** A copy of a data folder, owners and modes included. */
export async function copyOf(dataDir: string): Promise<string> {
  const copy = await newFolder();
  execFileSync('cp', ['-a', `${dataDir}/.`, copy]);
  return copy;
}

export async function removeFolders(): Promise<void> {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
}

export interface Owner {
  process: ReturnType<typeof spawn>;
  serverPid: number;
  url: string;
}

/** A process that starts a PostgreSQL and keeps it. */
export async function spawnOwner(dataDir: string): Promise<Owner> {
  const script = join(import.meta.dirname, 'fixtures', 'own-postgres.mjs');
  const owner = spawn(process.execPath, [script, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [data] = (await once(owner.stdout, 'data')) as [Buffer];
  const [, pid, url] = data.toString().trim().split(' ');
  return { process: owner, serverPid: Number(pid), url: url as string };
}

/** A process is gone for us when only its entry in the process table is left. */
export async function gone(pid: number, guardMs = 20_000): Promise<void> {
  const end = performance.now() + guardMs;
  while (await lives(pid)) {
    if (performance.now() > end) throw new Error(`process ${pid} lives on`);
    await delay(10);
  }
}

async function lives(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return !(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).includes(') Z ');
  } catch {
    return false;
  }
}

export async function query<T>(url: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const { rows } = await client.query(sql, values);
    return rows as T[];
  } finally {
    await client.end();
  }
}
