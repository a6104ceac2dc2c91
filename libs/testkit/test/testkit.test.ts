import { writeFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { captureLogger } from '../src/capture-logger.js';
import { eventually } from '../src/eventually.js';
import { fakeClock } from '../src/fake-clock.js';
import { startNats } from '../src/nats.js';
import { startPostgres, type TestPostgres } from '../src/postgres.js';
import { spawnService } from '../src/spawn-service.js';

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

describe('startPostgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  it('gives services roles of their own', async () => {
    expect(await ask(await postgres.serviceUrl('keys'), 'SELECT current_schema()::text AS schema')).toEqual([
      { schema: 'keys' },
    ]);
  });

  it('is killed and started again under the same URL', async () => {
    await ask(postgres.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    await postgres.kill();
    await expect(ask(postgres.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await postgres.restart();
    expect(await ask(postgres.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
  });

  describe('with DATABASE_URL', () => {
    const before = process.env['DATABASE_URL'];
    afterEach(() => {
      if (before === undefined) delete process.env['DATABASE_URL'];
      else process.env['DATABASE_URL'] = before;
    });

    it('makes a fresh database each time and takes it away with its roles', async () => {
      process.env['DATABASE_URL'] = postgres.url;
      const [one, two] = [await startPostgres(), await startPostgres()];
      await ask(one.url, 'CREATE TABLE only_here (id int)');
      expect(await ask(two.url, "SELECT to_regclass('only_here') AS here")).toEqual([{ here: null }]);
      await ask(await one.serviceUrl('trust-chain'), 'CREATE TABLE t (id int)');
      await ask(await two.serviceUrl('trust-chain'), 'CREATE TABLE t (id int)');
      await expect(one.kill()).rejects.toThrow('not ours');
      await Promise.all([one.stop(), two.stop()]);
      const left =
        "SELECT datname AS name FROM pg_database WHERE datname LIKE 'dcp_test%' UNION SELECT rolname FROM pg_roles WHERE rolname LIKE 'dcp_test%'";
      expect(await ask(postgres.url, left)).toEqual([]);
    });
  });
});

describe('startNats', () => {
  const before = process.env['NATS_URL'];
  afterEach(() => {
    if (before === undefined) delete process.env['NATS_URL'];
    else process.env['NATS_URL'] = before;
  });

  it('uses the server of NATS_URL, and does not kill it', async () => {
    process.env['NATS_URL'] = 'nats://127.0.0.1:4999';
    const nats = await startNats();
    expect([nats.url, nats.port]).toEqual(['nats://127.0.0.1:4999', 4999]);
    await expect(nats.kill()).rejects.toThrow('not ours');
    await nats.stop();
  });

  it('starts its own when users are asked for', async () => {
    process.env['NATS_URL'] = 'nats://127.0.0.1:4999';
    const nats = await startNats({ users: [] });
    expect(nats.port).not.toBe(4999);
    await nats.stop();
  });
});

describe('eventually', () => {
  it('repeats until it holds', async () => {
    let tries = 0;
    expect(await eventually(() => (++tries < 3 ? Promise.reject(new Error('not yet')) : tries))).toBe(3);
  });

  it('rethrows the last failure when the guard is over', async () => {
    await expect(eventually(() => expect(1).toBe(2), 20)).rejects.toThrow('Expected: 2');
  });
});

describe('spawnService', () => {
  const scripts: string[] = [];
  afterEach(async () => {
    for (const folder of scripts.splice(0)) await rm(folder, { recursive: true });
  });

  async function spawned(code: string, more: { env?: Record<string, string>; guardMs?: number } = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'dcp-spawn-'));
    scripts.push(folder);
    await writeFile(join(folder, 'script.mjs'), code);
    return spawnService({ script: join(folder, 'script.mjs'), ready: /listening on (\S+)/, ...more });
  }

  const stay = 'setInterval(() => {}, 1000);';

  it('waits for the ready line and gives its groups; kills by kill -9 or SIGTERM', async () => {
    const code = `console.error('listening on ' + process.env.WHERE + ' ' + process.env.HOME); ${stay}`;
    const one = await spawned(code, { env: { WHERE: 'x:1' } });
    expect([one.ready[1], one.output()]).toEqual(['x:1', 'listening on x:1 undefined\n']);
    expect(await one.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    const two = await spawned(code, { env: { WHERE: 'x:2' } });
    expect(await two.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('shows the output when the service ends or hangs before it is ready', async () => {
    await expect(spawned("console.log('some reason')")).rejects.toThrow('some reason');
    await expect(spawned(`console.log('hanging'); ${stay}`, { guardMs: 500 })).rejects.toThrow('hanging');
  });
});

describe('small parts', () => {
  it('has a clock that only we move', () => {
    const clock = fakeClock(1_000);
    clock.advance(500);
    expect(clock.now()).toBe(1_500);
  });

  it('keeps log lines', () => {
    const { logger, lines, text } = captureLogger('svc');
    logger.trace({ token: 'hidden', n: 1 }, 'x');
    expect(lines).toMatchObject([{ service: 'svc', level: 'trace', n: 1, token: '[redacted]' }]);
    expect(text()).not.toContain('hidden');
  });
});
