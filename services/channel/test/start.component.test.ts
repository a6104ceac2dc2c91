import { CHANNEL } from '@dcp/contracts';
import { createPool, silentLogger } from '@dcp/node-kit';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPrisma } from '../src/database.js';
import { actor } from './support/actor.js';
import { okOf, refusalOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('start and stop over the %s bus', (kind) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  afterAll(() => world.close());

  it('replicas that start together on an empty database agree on one #general', async () => {
    const instances = await Promise.all([world.start(), world.start(), world.start()]);
    const { rows } = await world.admin.query(`select channel_id from channel.channels where name = '#general'`);
    expect(rows).toHaveLength(1);
    expect(await Promise.all(instances.map(({ health }) => health.report()))).toMatchObject([
      { ready: true },
      { ready: true },
      { ready: true },
    ]);
    for (const instance of instances) await instance.stop();
  });

  it('every model of the Prisma schema is in the migrated database', async () => {
    const instance = await world.start();
    const url = await world.postgres.serviceUrl('channel');
    const pool = await createPool({ url, applicationName: 'test', logger: silentLogger });
    const prisma = createPrisma(pool);
    await world.join(actor('someone'), await world.general());
    expect(await prisma.channel.findFirst()).toMatchObject({ name: '#general' });
    expect(await prisma.channelEvent.findFirst()).toMatchObject({ type: 'system' });
    expect(await prisma.member.findFirst()).toMatchObject({ role: 'member' });
    await prisma.$disconnect();
    await pool.end();
    await instance.stop();
  });

  it('a stopping replica finishes what it began, and another one takes over', async () => {
    const leaving = await world.start();
    const alice = actor('alice');
    const general = await world.general();
    await world.join(alice, general);
    const posting = world.post(...Array.from({ length: 300 }, (_, i) => alice.post(general, `message ${i}`)));
    await eventually(() => expect(world.heardOf(general).map(({ type }) => type)).toContain('text'));
    const stopped = leaving.stop();
    (await posting).forEach((result) => okOf(result));
    await stopped;
    const refusal = await refusalOf(world.bus.request(CHANNEL.list, { user_id: alice.userId }, { timeoutMs: 1_000 }));
    expect(refusal.code).toBe('MAINTENANCE_MODE');
    const next = await world.start();
    okOf(await world.postOne(alice.post(general, 'next')));
    await next.stop();
  });

  it('[DCP-16.3-02] counts posts, commits and what waits to be confirmed', async () => {
    const instance = await world.start();
    const alice = actor('alice');
    const general = await world.general();
    await world.join(alice, general);
    await world.post(alice.post(general, 'x'), alice.post(general, 'x', { type: 'y' }));
    const text = await instance.metrics.text();
    expect(text).toMatch(/dcp_posts_total\{result="ordered".*\} 1/);
    expect(text).toMatch(/dcp_posts_total\{result="INVALID_MESSAGE_FORMAT".*\} 1/);
    for (const name of ['dcp_commit_seconds', 'dcp_commit_batch_size', 'dcp_publish_lag_entries']) {
      expect(text).toContain(name);
    }
    await instance.stop();
  });

  it('checks no signature where a benchmark asks for that, and only then', async () => {
    const instance = await world.start({ config: { unsafeSkipSignatures: 'benchmark' } });
    const alice = actor('alice');
    const general = await world.general();
    await world.join(alice, general);
    const message = { ...alice.message(general, 'x'), signature: 'ed25519:AAAA' };
    okOf(await world.postOne({ channel_id: general, session: alice.session, message }));
    await instance.stop();
  });
});
