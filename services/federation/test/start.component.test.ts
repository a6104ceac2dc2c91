import { createPrisma } from '../src/database.js';
import { eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { channelId, HomeChannels, Replicas } from './support/channels.js';
import { BadPeer } from './support/bad-peer.js';
import { TestNode } from './support/node.js';

describe('start, stop and trouble', () => {
  let node: TestNode;
  let other: TestNode;

  beforeEach(async () => {
    [node, other] = [await TestNode.open('127.0.0.1'), await TestNode.open('127.0.0.2')];
    for (const each of [node, other]) each.answers('user_lookup', ({ body }) => ({ user_id: body['user_id'] }));
  });
  afterEach(async () => {
    await node.close();
    await other.close();
  });

  it('instances that start together on an empty database are all ready', async () => {
    const instances = await Promise.all([node.start(), node.start(), node.start()]);
    await eventually(async () => {
      for (const { health } of instances)
        expect(await health.report()).toMatchObject({
          ready: true,
          checks: { 'federation.bus': 'ok', 'federation.database': 'ok', 'federation.trust': 'ok' },
        });
    });
  });

  it('every model of the Prisma schema is in the migrated database', async () => {
    const [atNode, atOther] = [await node.start(), await other.start()];
    const [channels, replicas] = [new HomeChannels(node), new Replicas(other)];
    const room = channelId('room');
    await other.ask(node.nodeId, 'user_lookup', { user_id: 'x' }, { via: node.place(atNode) });
    channels.join(room, other.nodeId);
    await eventually(() => expect(replicas.seqs(room)).toEqual([1]), 20_000);
    await atNode.pool.query(`insert into seen_frames values ('aaaaaaaa', 'x', now())`);
    const found = async (pool: typeof atNode.pool, models: string[]) => {
      const prisma = createPrisma(pool) as unknown as Record<string, { findFirst(): Promise<unknown> }>;
      const names = Object.keys(prisma).filter((name) => typeof prisma[name]?.findFirst === 'function');
      expect(names.sort()).toEqual(['feedCursor', 'lease', 'peer', 'replicaHead', 'seenFrame', 'tlsIdentity']);
      for (const name of names) await prisma[name]?.findFirst();
      for (const name of models)
        expect({ name, row: await prisma[name]?.findFirst() }).not.toEqual({ name, row: null });
    };
    await found(atNode.pool, ['feedCursor', 'lease', 'peer', 'seenFrame', 'tlsIdentity']);
    await eventually(() => found(atOther.pool, ['replicaHead', 'peer']));
  });

  it('keeps its links while PostgreSQL is away, and heals by itself', async () => {
    const [atNode, atOther] = [await node.start(), await other.start()];
    await node.ask(other.nodeId, 'user_lookup', { user_id: 'x' }, { via: other.place(atOther) });
    // A link of which it is not known yet where its node is in each channel ends with the database.
    await eventually(() => expect(atNode.pool.idleCount).toBe(atNode.pool.totalCount));
    await node.postgres.kill();
    await eventually(async () => expect((await atNode.health.report()).ready).toBe(false));
    expect(await node.ask(other.nodeId, 'user_lookup', { user_id: 'y' })).toEqual({ user_id: 'y' });
    await node.postgres.restart();
    await eventually(async () => expect((await atNode.health.report()).ready).toBe(true), 20_000);
    await eventually(
      async () => expect(await node.ask(other.nodeId, 'user_lookup', { user_id: 'z' })).toEqual({ user_id: 'z' }),
      20_000,
    );
  });

  it('keeps its certificate over restarts, sealed in the database', async () => {
    const first = await node.start();
    const { rows } = await first.pool.query<{ certificate: string; private_key: Buffer }>('select * from tls_identity');
    expect(rows[0]?.private_key.includes('PRIVATE KEY')).toBe(false);
    await first.stop();
    const second = await node.start();
    const again = await second.pool.query<{ certificate: string }>('select certificate from tls_identity');
    expect(again.rows[0]?.certificate).toBe(rows[0]?.certificate);
  });

  it('lets nobody in before it knows who is blocked', async () => {
    const peer = new BadPeer();
    node.silent = true;
    const instance = await node.start();
    expect((await instance.health.report()).checks['federation.trust']).not.toBe('ok');
    await peer.dial(node.place(instance), node.nodeId);
    expect(peer.isLinked).toBe(false);
    node.levels.set(peer.nodeId, 'blocked');
    node.silent = false;
    await eventually(async () => expect((await instance.health.report()).ready).toBe(true));
    const again = new BadPeer(peer.seed);
    await again.dial(node.place(instance), node.nodeId);
    expect(await again.next('refused')).toMatchObject({ error: { details: { reason: 'blocked' } } });
    for (const each of [peer, again]) each.close();
  });
});
