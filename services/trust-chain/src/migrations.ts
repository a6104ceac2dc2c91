import { join } from 'node:path';

/** Absolute path of this service's `prisma/migrations`, from the sources as from `dist`. */
export const migrationsFolder = join(import.meta.dirname, '..', 'prisma', 'migrations');
