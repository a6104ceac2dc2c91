import { join } from 'node:path';
import type { Metrics } from '@dcp/node-kit';
import { eventually, freePort, spawnService, type TestNats } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { channelId, HomeChannels, Replicas } from './support/channels.js';
import { TestNode } from './support/node.js';
import { natsHouse } from './support/nats.js';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const links = async (metrics: Metrics) =>
  Number((await metrics.text()).match(/dcp_federation_links\{.*\} (\d+)/)?.[1] ?? 0);

describe.each(['in-process', 'nats'])('several instances of the service over the %s bus', (kind) => {
  let node: TestNode;
  let other: TestNode;
  let nats: TestNats | undefined;

  beforeEach(async () => {
    const house = kind === 'nats' ? await natsHouse() : undefined;
    nats = house?.nats;
    [node, other] = [await TestNode.open('127.0.0.1', house), await TestNode.open('127.0.0.2')];
    for (const each of [node, other]) each.answers('user_lookup', ({ body }) => ({ user_id: body['user_id'] }));
    await node.bus.flush();
  });
  afterEach(async () => {
    await node.close();
    await other.close();
    await nats?.stop();
  });

  it('have one link to a node, and one certificate; the others send their questions to its holder', async () => {
    const instances = [await node.start(), await node.start(), await node.start()];
    const via = other.place(await other.start());
    other.rate(node.nodeId, 'trusted');
    const ids = Array.from({ length: 60 }, (_, at) => `u${at}`);
    const answers = await Promise.all(ids.map((id) => node.ask(other.nodeId, 'user_lookup', { user_id: id }, { via })));
    expect(answers.map(({ user_id }) => user_id)).toEqual(ids);
    const counts = await Promise.all(instances.map(({ metrics }) => links(metrics)));
    expect(counts.sort()).toEqual([0, 0, 1]);
    expect(await other.ask(node.nodeId, 'user_lookup', { user_id: 'back' })).toEqual({ user_id: 'back' });
    const { rows } = (await instances[0]?.pool.query('select count(*)::int as n from tls_identity')) ?? { rows: [] };
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('take over a link when its holder ends', async () => {
    const [first, second] = [await node.start(), await node.start()];
    const via = other.place(await other.start());
    await node.ask(other.nodeId, 'user_lookup', { user_id: 'x' }, { via });
    const [holder, idle] = (await links(first.metrics)) === 1 ? [first, second] : [second, first];
    await holder.stop();
    await eventually(
      async () =>
        expect(await node.ask(other.nodeId, 'user_lookup', { user_id: 'y' }, { via })).toEqual({ user_id: 'y' }),
      20_000,
    );
    expect(await links(idle.metrics)).toBe(1);
  });

  it('let a link go to the instance at which the other node arrives', async () => {
    const [first, second] = [await node.start(), await node.start()];
    const atOther = await other.start();
    await other.ask(node.nodeId, 'user_lookup', { user_id: 'x' }, { via: node.place(first) });
    expect([await links(first.metrics), await links(second.metrics)]).toEqual([1, 0]);
    await atOther.stop();
    await other.start();
    await other.ask(node.nodeId, 'user_lookup', { user_id: 'y' }, { via: node.place(second) });
    await eventually(async () => expect((await links(first.metrics)) + (await links(second.metrics))).toBe(1));
    expect(await node.ask(other.nodeId, 'user_lookup', { user_id: 'z' })).toEqual({ user_id: 'z' });
  });
});

describe('instances in processes of their own', () => {
  it('a killed holder loses no entry: another takes over, and every one comes once', async () => {
    const house = await natsHouse();
    const [node, other] = [await TestNode.open('127.0.0.1', house), await TestNode.open('127.0.0.2')];
    const [channels, replicas] = [new HomeChannels(node), new Replicas(other)];
    const room = channelId('room');
    node.answers('user_lookup', () => ({}));
    const spawn = async (port: number) =>
      await spawnService({
        script: MAIN,
        env: {
          DATABASE_URL: node.databaseUrl,
          NATS_URL: house.nats.url,
          NATS_USER: 'federation',
          NATS_PASSWORD: 'secret',
          DCP_NODE_KEY: node.seed,
          DCP_FEDERATION_HOST: '127.0.0.1',
          DCP_FEDERATION_PORT: String(port),
          DCP_FEDERATION_RETRY_MS: '50',
          DCP_FEDERATION_SCAN_MS: '500',
          DCP_HEALTH_PORT: String(await freePort()),
        },
        ready: /federation is up/,
      });
    const [port, spare] = [await freePort(), await freePort()];
    const first = await spawn(port);
    await other.start();
    await eventually(
      async () => expect(await other.ask(node.nodeId, 'user_lookup', {}, { via: `127.0.0.1:${port}` })).toEqual({}),
      20_000,
    );
    const second = await spawn(spare);
    try {
      channels.join(room, other.nodeId);
      channels.post(room, 20);
      await eventually(() => expect(replicas.seqs(room).length).toBe(21), 30_000);
      await first.kill();
      channels.post(room, 20);
      await eventually(() => expect(replicas.seqs(room).length).toBe(41), 50_000);
      expect(replicas.seqs(room)).toEqual(Array.from({ length: 41 }, (_, at) => at + 1));
      expect(await second.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await Promise.allSettled([first.kill(), second.kill()]);
      await other.close();
      await node.close();
      await house.nats.stop();
    }
  }, 120_000);

  it('names every fault of its configuration, and shows no secret', async () => {
    const broken = spawnService({
      script: MAIN,
      env: { DCP_NODE_KEY: 'c2VjcmV0', DCP_FEDERATION_URL: 'http://x', DCP_FEDERATION_TLS_KEY_FILE: '/x' },
      ready: /is up/,
    });
    const output = await broken.then(
      () => 'it started',
      (error: Error) => error.message,
    );
    for (const name of ['DATABASE_URL', 'NATS_URL', 'DCP_NODE_KEY', 'DCP_FEDERATION_URL'])
      expect(output).toContain(name);
    expect(output).not.toContain('c2VjcmV0');
  });
});
