import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Migration {
  /** Name of its folder; the order of names is the order of application. */
  name: string;
  sql: string;
  /** SHA-256 of the file in lower-case hex, as Prisma records it. */
  checksum: string;
}

/** The migrations of a `prisma/migrations` folder, in order. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(names.sort().map((name) => readMigration(folder, name)));
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  const file = await readFile(join(folder, name, 'migration.sql'));
  return { name, sql: file.toString('utf8'), checksum: createHash('sha256').update(file).digest('hex') };
}
