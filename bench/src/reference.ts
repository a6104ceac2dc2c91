import { freePort, spawnService } from './testkit.js';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.js';
import { BENCH_FOLDER } from './machine.js';
import { startBenchNats, startDurablePostgres } from './node-under-bench/stores.js';
import { BODY_BYTES } from './prepare/frames.js';
import type { Aim, Subject } from './subject.js';

const FOLDER = join(BENCH_FOLDER, 'reference');

/** Plain `ws`, framed once, one write for each socket and loop turn. */
export async function startRouter(cleanup: Cleanup): Promise<Subject> {
  return await startReference(cleanup, 'ws', 'ws-router.mjs', {}, () => ({}));
}

/** `ws`, one batched NATS hop, batched PostgreSQL. */
export async function startDurable(cleanup: Cleanup): Promise<Subject> {
  const [nats, postgres] = [await startBenchNats(cleanup), await startDurablePostgres(cleanup)];
  const env = { NATS_URL: nats.url, DATABASE_URL: postgres.url };
  return await startReference(cleanup, 'ws + NATS + PostgreSQL', 'ws-durable.mjs', env, () => ({
    nats: nats.pids,
    postgres: postgres.pids(),
  }));
}

async function startReference(
  cleanup: Cleanup,
  name: string,
  script: string,
  env: Record<string, string>,
  others: () => Record<string, number[]>,
): Promise<Subject> {
  const settings = { ...env, PORT: String(await freePort()) };
  const spawned = await spawnService({ script: join(FOLDER, script), env: settings, ready: /up on port (\d+)/ });
  cleanup.add(() => spawned.kill());
  const [, port = ''] = spawned.ready;
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    path: '/',
    delivery: '"op":"msg"',
    doors: [spawned.pid],
    processes: () => ({ server: [spawned.pid], ...others() }),
  };
}

const OK = { expect: '{"op":"ok"}' };

/** Connection 2i writes to connection 2i + 1. */
export const REFERENCE_PAIRS: Aim = {
  steps: [{ send: '{"op":"id","id":"%i"}' }, OK],
  template: '{"op":"to","id":"%p","body":"%B"}',
  bodyBytes: BODY_BYTES,
};

/** Connection 0 writes to a room of its own name. */
export function referenceRoom(room: string): Aim {
  return {
    steps: [{ send: `{"op":"join","room":"${room}"}` }, OK],
    template: `{"op":"post","room":"${room}","body":"%B"}`,
    bodyBytes: BODY_BYTES,
  };
}
