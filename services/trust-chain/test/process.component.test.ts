import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { TRUST } from '@dcp/contracts';
import { connectNatsBus, silentLogger } from '@dcp/node-kit';
import { eventually, freePort, spawnService, startNats, startPostgres } from '@dcp/testkit';
import { describe, expect, it } from '@jest/globals';
import { natsUsers } from './support/world.js';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');

describe('the service as a process of its own', () => {
  it('starts, serves over NATS with its own permissions, and ends orderly', async () => {
    const postgres = await startPostgres();
    const nats = await startNats({ users: natsUsers() });
    const healthPort = await freePort();
    const service = await spawnService({
      script: MAIN,
      env: {
        DATABASE_URL: await postgres.serviceUrl('trust-chain'),
        NATS_URL: nats.url,
        NATS_USER: 'trust-chain',
        NATS_PASSWORD: 'secret',
        DCP_NODE_KEY: randomBytes(32).toString('base64'),
        DCP_HEALTH_PORT: String(healthPort),
      },
      ready: /trust-chain is up/,
    });
    try {
      const readyz = () => fetch(`http://127.0.0.1:${healthPort}/readyz`);
      expect((await readyz()).status).toBe(200);
      const login = { user: 'gateway', password: 'secret', name: 'gateway' };
      const gateway = await connectNatsBus({ servers: [nats.url], ...login, logger: silentLogger });
      expect(await gateway.request(TRUST.levels, {})).toEqual({ levels: [] });
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
      env: {
        NATS_PASSWORD: 'c2VjcmV0',
        DCP_NODE_KEY: 'bm90YWtleQ==',
        DCP_TRUST_SYNC_MS: '0',
        DCP_MAX_TRUST_LOG: 'much',
      },
      ready: /is up/,
    });
    const output = await broken.then(
      () => 'it started',
      (error: Error) => error.message,
    );
    for (const name of ['DATABASE_URL', 'NATS_URL', 'DCP_NODE_KEY', 'DCP_TRUST_SYNC_MS', 'DCP_MAX_TRUST_LOG'])
      expect(output).toContain(name);
    for (const secret of ['c2VjcmV0', 'bm90YWtleQ==']) expect(output).not.toContain(secret);
  });
});
