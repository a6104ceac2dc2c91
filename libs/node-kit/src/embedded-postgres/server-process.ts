import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from '../logging/logger.js';
import type { ProcessUser } from './process-user.js';
import { PostgresStartError } from './start-error.js';

/**
 * Starts the server and prints its process id. Our end of standard input is the lifeline: the kernel closes it however we end, even
 * by SIGKILL, and then the watcher asks for a fast shutdown (SIGINT). When the server ends first, the watcher goes too.
 */
const SUPERVISOR = `
exec 3<&0
"$@" </dev/null 3<&- >&2 & server=$!
echo "$server"
( while read -r line <&3; do :; done; kill -INT "$server" ) 2>/dev/null >/dev/null & watcher=$!
exec 3<&- 1>&-
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
exit "$code"`;

const READY = 'database system is ready to accept connections';
const LAST_LINES = 20;

export interface ServerProcess {
  readonly pid: number;
  /** Resolves with the last lines of its log when the server has ended for whatever reason. */
  readonly ended: Promise<string[]>;
}

/** Resolves when the server accepts connections. */
export async function startServer(
  command: string[],
  cwd: string,
  user: ProcessUser | undefined,
  logger: Logger,
): Promise<ServerProcess> {
  const owner = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, 'sh', ...command], {
    ...owner,
    cwd,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', HOME: cwd },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A session of its own: Ctrl-C in a terminal is for us, and we stop the server after our last query.
    detached: true,
  });
  return watchStart(child, logger);
}

function watchStart(child: ChildProcess, logger: Logger): Promise<ServerProcess> {
  const last: string[] = [];
  const ended = new Promise<string[]>((resolve) => child.on('close', () => resolve(last)));
  // Written to never; when the server ends first, the pipe breaks, which is no news.
  child.stdin?.on('error', () => {});
  return new Promise((resolve, reject) => {
    let pid = 0;
    child.on('error', (error) => reject(new PostgresStartError('PostgreSQL could not be started', { cause: error })));
    child.stdout?.on('data', (data: Buffer) => {
      pid ||= Number(data.toString());
    });
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      logger.debug({ line }, 'postgres');
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      if (line.includes(READY)) resolve({ pid, ended });
    });
    void ended.then((lines) => reject(new PostgresStartError(`PostgreSQL did not start: ${lines.join(' | ')}`)));
  });
}
