import { FEDERATION, KEYS } from '@dcp/contracts';
import { createPool, silentLogger } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { captureLogger, eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createPrisma } from '../src/database.js';
import { acknowledge, claim, fetch, message, owner, publish, reachable, send } from './support/owner.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('start, stop and trouble over the %s bus', (kind) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(() => world.reset());
  afterAll(() => world.close());

  it('replicas that start together on an empty database are all ready', async () => {
    const replicas = await Promise.all([world.start(), world.start(), world.start()]);
    for (const { health } of replicas) {
      expect(await health.report()).toMatchObject({ ready: true, checks: { 'keys.bus': 'ok', 'keys.database': 'ok' } });
    }
  });

  it('every model of the Prisma schema is in the migrated database', async () => {
    await world.start();
    const [alice, bob] = [await reachable(world, 1), await reachable(world, 1)];
    await claim(world, alice, bob);
    await send(world, alice, message(bob), message(bob));
    await acknowledge(world, bob, 1);
    const records = [{ id: 'a', month: '2026-01', body: 'AAAA' }];
    await world.bus.request(KEYS.putBackup, { session: alice.session, records });
    const noNode = world.federationBus.serve(
      FEDERATION.ask,
      () => Promise.reject(new DcpError('NODE_UNREACHABLE')),
      'federation',
    );
    await world.federationBus.flush();
    await send(world, alice, message({ ...bob, user_id: 'zzzz9999.somebody' }));
    const url = await world.postgres.serviceUrl('keys');
    const pool = await createPool({ url, applicationName: 'test', logger: silentLogger });
    const prisma = createPrisma(pool);
    const models = Object.entries(prisma).filter(([name, model]) => !name.startsWith('_') && isModel(model));
    expect(models.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'device',
        'prekey',
        'claimCount',
        'queue',
        'queueItem',
        'takenItem',
        'backup',
        'backupRecord',
        'outgoingNode',
        'outgoingItem',
      ]),
    );
    for (const [name, model] of models)
      expect({ name, row: await (model as { findFirst(): Promise<unknown> }).findFirst() }).not.toEqual({
        name,
        row: null,
      });
    expect(
      await prisma.queue.findFirst({ where: { userId: bob.user_id }, include: { lying: true, taken: true } }),
    ).toMatchObject({
      head: 2n,
      items: 1,
      lying: [{ seq: 2n }],
      taken: [{ fromUser: alice.user_id }],
    });
    noNode.unsubscribe();
    await prisma.$disconnect();
    await pool.end();
  });

  it('counts what it holds and what it handed out', async () => {
    const { metrics } = await world.start({ env: { DCP_KEYS_SWEEP_MS: '50' } });
    const [alice, bob] = [owner(), await reachable(world, 1)];
    await claim(world, alice, bob);
    await claim(world, alice, bob);
    await send(world, alice, message(bob, { body: 'A'.repeat(100) }), message(bob, { body: 'A'.repeat(20) }));
    await world.bus.request(KEYS.putBackup, {
      session: alice.session,
      records: [{ id: 'a', month: '2026-01', body: 'AAAA' }],
    });
    await eventually(async () => {
      const text = await metrics.text();
      for (const line of [
        /dcp_keys_claims_total\{.*kind="one-time".*\} 1/,
        /dcp_keys_claims_total\{.*kind="signed".*\} 1/,
        /dcp_keys_claims_total\{.*kind="kem".*\} 1/,
        /dcp_keys_claims_total\{.*kind="kem-last-resort".*\} 1/,
        /dcp_keys_queue_items(\{.*\})? 2/,
        /dcp_keys_queue_bytes(\{.*\})? 120/,
        /dcp_keys_backup_records(\{.*\})? 1/,
      ])
        expect(text).toMatch(line);
    });
  });

  it('answers 9001 while PostgreSQL is away, heals by itself, and has lost nothing', async () => {
    const { logger, text } = captureLogger('keys');
    const replica = await world.start({ logger });
    const [alice, bob] = [owner(), await reachable(world, 2)];
    const lying = message(bob);
    await send(world, alice, lying);
    await world.postgres.kill();
    const asked = [
      publish(world, bob, []),
      claim(world, alice, bob),
      send(world, alice, message(bob)),
      fetch(world, bob),
    ];
    for (const { code } of await Promise.all(asked.map((answer) => refusalOf(answer))))
      expect(code).toBe('MAINTENANCE_MODE');
    expect((await replica.health.report()).ready).toBe(false);
    await world.postgres.restart();
    await eventually(async () => expect((await fetch(world, bob)).items).toMatchObject([{ id: lying.id }]));
    expect((await replica.health.report()).ready).toBe(true);
    expect(text()).not.toContain(lying.body);
  });

  it('a stopping replica finishes what it began and serves nothing more', async () => {
    const replica = await world.start();
    const [alice, bob] = [owner(), await reachable(world)];
    const holder = await world.admin.connect();
    await holder.query('begin');
    await holder.query('select 1 from keys.queues for update');
    const sending = send(world, alice, message(bob));
    const waiting = `select count(*)::int as n from pg_stat_activity
      where datname = current_database() and application_name = 'keys' and wait_event_type = 'Lock'`;
    await eventually(async () => expect((await holder.query<{ n: number }>(waiting)).rows[0]?.n).toBe(1));
    const stopped = replica.stop();
    await holder.query('rollback');
    holder.release();
    expect(await sending).toEqual({ unknown: [], full: [] });
    await stopped;
    const { code } = await refusalOf(fetch(world, bob));
    expect(code).toBe('MAINTENANCE_MODE');
  });
});

function isModel(value: unknown): boolean {
  return typeof (value as { findFirst?: unknown } | null)?.findFirst === 'function';
}
