import { TRUST } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import { createHealth, createMetrics, createPool, loadConfig, silentLogger } from '@dcp/node-kit';
import { federationConfigTable, startFederation } from '@dcp/service-federation';
import { eventually, startPostgres } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, login, makeAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

const ADMIN = '/api/v1/admin/federation';
const DOCUMENT = '/.well-known/dcp/node.json';

/** The service beside the others of the node; the trust chain's place is the test's. */
async function federation(node: TestNode): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  const url = await postgres.serviceUrl('federation');
  const pool = await createPool({ url, applicationName: 'federation', logger: silentLogger });
  const env = { DATABASE_URL: url, NATS_URL: 'given', DCP_NODE_KEY: node.nodeKey };
  const own = { DCP_FEDERATION_HOST: '127.0.0.1', DCP_FEDERATION_PORT: '0' };
  const config = loadConfig(federationConfigTable, { ...env, ...own });
  const trust = await node.connect('trust-chain');
  trust.serve(TRUST.levels, () => ({ levels: [] }), 'trust-chain');
  const bus = await node.connect('federation');
  const metrics = createMetrics({ service: 'federation', processMetrics: false });
  const health = createHealth();
  const shared = { bus, pool, metrics, health, logger: silentLogger, clock: node.clock };
  const service = await startFederation({ config, ...shared });
  await bus.flush();
  await eventually(async () => expect((await health.report()).ready).toBe(true));
  return async () => {
    await service.stop();
    await pool.end();
    await postgres.stop();
  };
}

describe.each(BUS_KINDS)('other nodes, at the door, on the %s bus', (kind) => {
  let node: TestNode;
  let stop: () => Promise<void> = () => Promise.resolve();
  let tokens: { owner: string; bob: string };
  const url = () => node.urls[0] as string;

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 1);
    const [owner, bob] = [await makeAccount(url()), await makeAccount(url())];
    tokens = { owner: (await login(url(), owner)).token, bob: (await login(url(), bob)).token };
  });
  afterAll(async () => {
    await stop();
    await node.stop();
  });

  it('the node document says that there is no way in, until a federation service shows one', async () => {
    expect((await call(url(), DOCUMENT)).body).toMatchObject({ binding: 'none' });
    expect((await call(url(), `${ADMIN}/peers`, { token: tokens.owner })).status).toBe(503);
    stop = await federation(node);
    await eventually(async () =>
      expect((await call(url(), DOCUMENT)).body).toMatchObject({
        binding: 'exporter',
        federation: expect.stringMatching(/^wss:\/\/127\.0\.0\.1:\d+\/federation\/v1$/),
        spki: [expect.stringMatching(/^sha256:/)],
      }),
    );
  });

  it('who has logged in may have a node met; the own one is', async () => {
    const { body } = await call(url(), DOCUMENT);
    const via = String((body as { federation?: unknown }).federation);
    const ask = (more: object) => call(url(), '/api/v1/nodes', { method: 'POST', body: { via }, ...more });
    const { status, body: met } = await ask({ token: tokens.bob });
    expect({ status, met }).toEqual({ status: 200, met: { node_id: String((body as Record<string, unknown>)['id']) } });
    expect((await ask({})).status).toBe(401);
    expect((await ask({ token: tokens.bob, body: { via: 'x'.repeat(300) } })).status).toBe(400);
    expect((await ask({ token: tokens.bob, body: {} })).status).toBe(400);
  });

  it("peers and the doctor are the owner's alone", async () => {
    const { status, body } = await call(url(), `${ADMIN}/peers`, { token: tokens.owner });
    expect({ status, body }).toEqual({ status: 200, body: { peers: [] } });
    const doctor = await call(url(), `${ADMIN}/doctor`, { token: tokens.owner });
    expect(doctor.body).toMatchObject({
      checks: expect.arrayContaining([expect.objectContaining({ check: 'document' })]),
    });
    const unknown = await call(url(), `${ADMIN}/peers/zzzzzzzz`, { token: tokens.owner, method: 'DELETE' });
    expect(unknown.status).toBe(404);
    for (const path of ['peers', 'doctor'])
      expect((await call(url(), `${ADMIN}/${path}`, { token: tokens.bob })).status).toBe(403);
    expect((await call(url(), `${ADMIN}/doctor?node=%2F`, { token: tokens.owner })).status).toBe(400);
  });
});
