import { join } from 'node:path';
import { busPermissions, KEYS } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import { connectNatsBus, silentLogger } from '@dcp/node-kit';
import { eventually, freePort, spawnService, startNats, startPostgres } from '@dcp/testkit';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { owner } from './support/owner.js';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');

describe('the service as a process of its own', () => {
  beforeAll(() => ready());

  it('starts, serves over NATS with its own permissions, and ends orderly', async () => {
    const postgres = await startPostgres();
    const users = busPermissions().map(({ service, publish, subscribe }) => ({
      name: service,
      password: 'secret',
      publish,
      subscribe,
    }));
    const nats = await startNats({ users });
    const healthPort = await freePort();
    const service = await spawnService({
      script: MAIN,
      env: {
        DATABASE_URL: await postgres.serviceUrl('keys'),
        NATS_URL: nats.url,
        NATS_USER: 'keys',
        NATS_PASSWORD: 'secret',
        DCP_HEALTH_PORT: String(healthPort),
      },
      ready: /keys is up/,
    });
    try {
      const readyz = () => fetch(`http://127.0.0.1:${healthPort}/readyz`);
      expect((await readyz()).status).toBe(200);
      const login = { user: 'gateway', password: 'secret', name: 'gateway' };
      const gateway = await connectNatsBus({ servers: [nats.url], ...login, logger: silentLogger });
      const { session } = owner();
      expect(await gateway.request(KEYS.fetch, { session, after: 0, limit: 1 })).toEqual({
        items: [],
        has_more: false,
      });
      await gateway.close();
      await nats.kill();
      await eventually(async () => expect((await readyz()).status).toBe(503));
      await nats.restart();
      await eventually(async () => expect((await readyz()).status).toBe(200), 20_000);
      expect(await service.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await service.kill();
      await nats.stop();
      await postgres.stop();
    }
  }, 60_000);

  it('names every fault of its configuration, and shows no secret', async () => {
    const broken = spawnService({
      script: MAIN,
      env: { NATS_PASSWORD: 'c2VjcmV0', DCP_QUEUE_DAYS: '0', DCP_MAX_BACKUP_BYTES: 'much' },
      ready: /is up/,
    });
    const output = await broken.then(
      () => 'it started',
      (error: Error) => error.message,
    );
    for (const name of ['DATABASE_URL', 'NATS_URL', 'DCP_QUEUE_DAYS', 'DCP_MAX_BACKUP_BYTES'])
      expect(output).toContain(name);
    expect(output).not.toContain('c2VjcmV0');
  });
});
