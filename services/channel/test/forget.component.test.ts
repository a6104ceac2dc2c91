import { CHANNEL } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { expectGapless } from './support/log-rules.js';
import { errorOf, okOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('forgetting a user over the %s bus', (kind) => {
  let world: World;
  let general: string;
  let alice: Actor;

  beforeAll(async () => {
    world = await World.open(kind);
    await Promise.all([world.start(), world.start()]);
    general = await world.general();
    alice = actor('alice');
    await world.join(alice, general);
  });
  afterAll(() => world.close());

  it('[DCP-4.3-03] leaves no row that names him, and every number in its place', async () => {
    const ghost = actor('ghost', { device: 'dev_cccccccccccccccc' });
    await world.join(ghost, general);
    const own = (await world.create(ghost, '#ghost-town')).channel_id;
    await world.join(alice, own);
    const posts = Array.from({ length: 500 }, (_, i) => ghost.post(general, `boo ${i}`));
    for (let i = 0; i < 5; i++) await world.post(...posts.slice(i * 100, i * 100 + 100));
    const last = alice.post(general, 'who was that?');
    okOf(await world.postOne(last));
    const before = await world.log(general);
    expect(await rowsNaming(world, ghost.userId)).toBeGreaterThan(500);

    expect(await world.forget(ghost.userId)).toEqual({ channels: 2, entries: 502 });

    expect(await rowsNaming(world, ghost.userId)).toBe(0);
    expect(await rowsNaming(world, 'dev_cccccccccccccccc')).toBe(0);
    const after = await world.log(general);
    expectGapless(after);
    expect(after.map(({ id, type }) => [id, type])).toEqual(before.map(({ id, type }) => [id, type]));
    expect(after.filter(({ body }) => body === '').every(({ author }) => author === '')).toBe(true);
    expect(after.at(-1)).toEqual(before.at(-1));
    expect(await world.bus.request(CHANNEL.resolve, { name: '#ghost-town' })).toMatchObject({ member_count: 1 });
    await eventually(() =>
      expect(world.changes).toContainEqual({
        user_id: ghost.userId,
        channel_id: general,
        name: '#general',
        change: 'left',
      }),
    );
  });

  it('ends what replicas have cached of him, and can be repeated', async () => {
    const ghost = actor('ghost');
    await world.join(ghost, general);
    await Promise.all(Array.from({ length: 10 }, () => world.postOne(ghost.post(general, 'here'))));
    await world.forget(ghost.userId);
    const late = await Promise.all(Array.from({ length: 10 }, () => world.postOne(ghost.post(general, 'again'))));
    late.forEach((result) => expect(errorOf(result).details['reason']).toBe('not_a_member'));
    expect(await world.forget(ghost.userId)).toEqual({ channels: 0, entries: 0 });
    expect(await world.forget(actor('never-seen').userId)).toEqual({ channels: 0, entries: 0 });
  });

  it('a wiped id stays taken', async () => {
    const ghost = actor('ghost');
    await world.join(ghost, general);
    const post = ghost.post(general, 'once');
    okOf(await world.postOne(post));
    await world.forget(ghost.userId);
    await world.join(ghost, general);
    expect(errorOf(await world.postOne(post)).code).toBe('CONFLICT');
  });

  it('wipes by the index of authors', async () => {
    await world.admin.query('analyze channel.channel_events');
    const client = await world.admin.connect();
    await client.query('set search_path to channel; set enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain select seq from channel_events where author = $1 and author <> '' limit 1000`,
      [alice.userId],
    );
    client.release(true);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('channel_events_author_idx');
  });
});

/** Rows of all tables of the service whose text holds `needle` anywhere. */
async function rowsNaming(world: World, needle: string): Promise<number> {
  const tables = await world.admin.query<{ tablename: string }>(
    `select tablename from pg_tables where schemaname = 'channel'`,
  );
  let rows = 0;
  for (const { tablename } of tables.rows) {
    const found = await world.admin.query<{ n: number }>(
      `select count(*)::int as n from channel.${tablename} t where position($1 in t::text) > 0`,
      [needle],
    );
    rows += found.rows[0]?.n ?? 0;
  }
  return rows;
}
