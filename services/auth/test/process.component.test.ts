import { join } from 'node:path';
import { AUTH, busPermissions } from '@dcp/contracts';
import { randomBytes, toBase64 } from '@dcp/crypto';
import { connectNatsBus, silentLogger } from '@dcp/node-kit';
import { eventually, freePort, spawnService, startNats, startPostgres } from '@dcp/testkit';
import { describe, expect, it } from '@jest/globals';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');

describe('the service as a process of its own', () => {
  it('starts, prints the owner’s invite, serves over NATS with its own permissions, and ends orderly', async () => {
    const postgres = await startPostgres();
    const users = busPermissions().map(({ service, publish, subscribe }) => ({
      name: service,
      password: 'secret',
      publish,
      subscribe,
    }));
    const nats = await startNats({ users });
    const healthPort = await freePort();
    const nodeKey = toBase64(randomBytes(32));
    const service = await spawnService({
      script: MAIN,
      env: {
        DATABASE_URL: await postgres.serviceUrl('auth'),
        NATS_URL: nats.url,
        NATS_USER: 'auth',
        NATS_PASSWORD: 'secret',
        DCP_NODE_KEY: nodeKey,
        DCP_HEALTH_PORT: String(healthPort),
      },
      ready: /auth is up/,
    });
    try {
      const ready = () => fetch(`http://127.0.0.1:${healthPort}/readyz`);
      expect((await ready()).status).toBe(200);
      expect(service.output()).toMatch(/owner.*[a-z2-7]{20,}/);
      expect(service.output()).not.toContain(nodeKey);
      const login = { user: 'gateway', password: 'secret', name: 'gateway' };
      const gateway = await connectNatsBus({ servers: [nats.url], ...login, logger: silentLogger });
      expect(await gateway.request(AUTH.node, {})).toMatchObject({ policy: { registration: 'invite' } });
      await gateway.close();
      await nats.kill();
      await eventually(async () => expect((await ready()).status).toBe(503));
      await nats.restart();
      await eventually(async () => expect((await ready()).status).toBe(200), 20_000);
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
      env: { DCP_NODE_KEY: 'c2VjcmV0', DCP_NODE_ID: 'UPPER', DCP_SESSION_LIFETIME_MS: '28800001' },
      ready: /is up/,
    });
    const output = await broken.then(
      () => 'it started',
      (error: Error) => error.message,
    );
    for (const name of ['DATABASE_URL', 'NATS_URL', 'DCP_NODE_KEY', 'DCP_NODE_ID', 'DCP_SESSION_LIFETIME_MS']) {
      expect(output).toContain(name);
    }
    expect(output).not.toContain('c2VjcmV0');
  });
});
