import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what systems hand out for outgoing connections (Linux: from 32,768 on): such a port could be taken by any connection between now
 * and the moment at which its server starts, or starts again.
 */
const [FIRST, LAST] = [12_000, 32_000];
const TRIES = 100;

/** A TCP port of 127.0.0.1 that was free a moment ago, and stays so unless somebody asks for just this one. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
