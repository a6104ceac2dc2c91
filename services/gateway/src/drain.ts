import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE } from '@dcp/protocol';
import type { Connection } from './sockets/connection.js';

/** Steps in which the sockets of a stopping gateway are closed: the others get their clients spread over the window (1012). */
const STEPS = 50;

/** Closes all sockets over `windowMs`, each after its posts are answered. */
export async function closeSpread(connections: ReadonlySet<Connection>, windowMs: number): Promise<void> {
  const all = [...connections];
  const steps = Math.min(STEPS, all.length);
  for (let step = 0; step < steps; step++) {
    const from = Math.floor((step * all.length) / steps);
    const to = Math.floor(((step + 1) * all.length) / steps);
    for (const connection of all.slice(from, to)) void closeWhenAnswered(connection);
    if (windowMs > 0) await delay(windowMs / steps);
  }
}

async function closeWhenAnswered(connection: Connection): Promise<void> {
  await connection.postsDone();
  connection.close(CLOSE.RESTART, 'the node restarts: connect again');
}
