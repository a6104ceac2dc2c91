import { join } from 'node:path';
import { randomBytes, toBase64 } from '@dcp/crypto';
import { busPermissions, CHANNEL } from '@dcp/contracts';
import { connectNatsBus, silentLogger } from '@dcp/node-kit';
import { eventually, freePort, spawnService, startNats, startPostgres } from '@dcp/testkit';
import { describe, expect, it } from '@jest/globals';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');

describe('the service as a process of its own', () => {
  it('starts, is ready, serves over NATS with its own permissions, and ends orderly', async () => {
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
        DATABASE_URL: await postgres.serviceUrl('channel'),
        NATS_URL: nats.url,
        NATS_USER: 'channel',
        NATS_PASSWORD: 'secret',
        DCP_NODE_KEY: toBase64(randomBytes(32)),
        DCP_HEALTH_PORT: String(healthPort),
      },
      ready: /channel is up/,
    });
    try {
      const ready = () => fetch(`http://127.0.0.1:${healthPort}/readyz`);
      expect((await ready()).status).toBe(200);
      const gateway = await connectNatsBus({
        servers: [nats.url],
        user: 'gateway',
        password: 'secret',
        name: 'gateway',
        logger: silentLogger,
      });
      expect(await gateway.request(CHANNEL.resolve, { name: '#general' })).toMatchObject({ name: '#general' });
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
      env: { DCP_NODE_KEY: 'c2VjcmV0', DCP_NODE_ID: 'UPPER', DCP_UNSAFE_SKIP_SIGNATURES: 'yes' },
      ready: /is up/,
    });
    const output = await broken.then(
      () => 'it started',
      (error: Error) => error.message,
    );
    for (const name of ['DATABASE_URL', 'NATS_URL', 'DCP_NODE_KEY', 'DCP_NODE_ID', 'DCP_UNSAFE_SKIP_SIGNATURES']) {
      expect(output).toContain(name);
    }
    expect(output).not.toContain('c2VjcmV0');
  });
});
