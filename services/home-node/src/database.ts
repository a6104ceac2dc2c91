import { ensureServiceDatabase, startEmbeddedPostgres, type Logger } from '@dcp/node-kit';
import { join } from 'node:path';
import type { HomeNodeConfig } from './config.js';
import { DATABASES, type DatabaseService, type NodeSecrets } from './secrets.js';

export interface NodeDatabase {
  /** One role and schema for each service. */
  urls: Record<DatabaseService, string>;
  /** Resolves when the embedded server ends without being asked to; never for an external one. */
  lost: Promise<void>;
  stop(): Promise<void>;
}

/** The node's PostgreSQL: the given one, or an embedded one below the data folder. */
export async function openDatabase(
  config: HomeNodeConfig,
  secrets: NodeSecrets,
  logger: Logger,
): Promise<NodeDatabase> {
  const embedded =
    config.databaseUrl === undefined
      ? await startEmbeddedPostgres({ dataDir: join(config.dataDir, 'postgres'), logger })
      : undefined;
  const adminUrl = config.databaseUrl ?? embedded?.adminSocketUrl ?? embedded?.adminUrl ?? '';
  try {
    const urls: Partial<Record<DatabaseService, string>> = {};
    for (const service of DATABASES)
      urls[service] = await ensureServiceDatabase({ adminUrl, service, password: secrets.passwords[service] });
    return {
      urls: urls as Record<DatabaseService, string>,
      lost: embedded?.ended ?? new Promise<void>(() => undefined),
      stop: async () => embedded?.stop(),
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}
