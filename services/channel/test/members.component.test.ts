import { CHANNEL } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { expectGapless } from './support/log-rules.js';
import { refusalOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('members over the %s bus', (kind) => {
  let world: World;
  let alice: Actor;

  beforeAll(async () => {
    world = await World.open(kind);
    await Promise.all([world.start({ config: { maxMembers: 40 } }), world.start({ config: { maxMembers: 40 } })]);
    alice = actor('alice');
  });
  afterAll(() => world.close());

  const info = (name: string) => world.bus.request(CHANNEL.resolve, { name });
  const membership = (who: Actor, channelId: string) =>
    world.bus.request(CHANNEL.membership, { user_id: who.userId, channel_id: channelId });
  const contentOf = (body: string) => (JSON.parse(body) as { content: Record<string, unknown> }).content;

  it('[DCP-6.2-05] [DCP-7.3-02] joining and leaving are entries of the log', async () => {
    const { channel_id } = await world.create(alice, '#rooms');
    const bob = actor('bob');
    expect(await world.join(bob, channel_id)).toMatchObject({ channel_id, name: '#rooms', seq: 2, changed: true });
    expect(await info('#rooms')).toMatchObject({ member_count: 2, last_seq: 2 });
    expect(await world.leave(bob, channel_id)).toMatchObject({ channel_id, name: '#rooms', seq: 3, changed: true });
    expect(await info('#rooms')).toMatchObject({ member_count: 1, last_seq: 3 });
    const log = await world.log(channel_id);
    expect(log.map(({ type }) => type)).toEqual(['system', 'system', 'system']);
    expect(log.slice(1).map(({ body }) => contentOf(body))).toEqual([
      { action: 'user_joined', actor: bob.userId, target: '#rooms', details: {} },
      { action: 'user_left', actor: bob.userId, target: '#rooms', details: {} },
    ]);
  });

  it('tells the gateways whose sockets must hear the channel', async () => {
    const { channel_id } = await world.create(alice, '#told');
    const bob = actor('bob');
    await world.join(bob, channel_id);
    await world.join(bob, channel_id);
    await world.leave(bob, channel_id);
    const change = { user_id: bob.userId, channel_id, name: '#told' };
    await eventually(() =>
      expect(world.changes.filter(({ user_id }) => user_id === bob.userId)).toEqual([
        { ...change, change: 'joined' },
        { ...change, change: 'left' },
      ]),
    );
    expect(world.changes).toContainEqual({ ...change, user_id: alice.userId, change: 'joined' });
  });

  it('joining twice is one entry, and answers with its number; leaving twice changes nothing', async () => {
    const { channel_id } = await world.create(alice, '#twice');
    const bob = actor('bob');
    const first = await world.join(bob, channel_id);
    const { state_head } = await world.join(actor('carol'), channel_id);
    expect(await world.join(bob, channel_id)).toEqual({ ...first, changed: false, state_head });
    await world.leave(bob, channel_id);
    expect(await world.leave(bob, channel_id)).toMatchObject({ changed: false });
    expect(await world.join(bob, channel_id)).toMatchObject({ seq: 5, changed: true });
    expect(await world.log(channel_id)).toHaveLength(5);
  });

  it('many joins and leaves of the same users at once keep count and log in step', async () => {
    const { channel_id } = await world.create(alice, '#crowd');
    const users = Array.from({ length: 12 }, (_, i) => actor(`user-${i}`));
    const visits = users.flatMap((user) => [
      world.join(user, channel_id),
      world.join(user, channel_id),
      world.leave(user, channel_id),
      world.join(user, channel_id),
    ]);
    await Promise.all(visits);
    const log = await world.log(channel_id);
    expectGapless(log);
    const balance = new Map<string, number>();
    for (const { author, body } of log) {
      const step = contentOf(body)['action'] === 'user_left' ? -1 : 1;
      balance.set(author, (balance.get(author) ?? 0) + step);
      expect([0, 1]).toContain(balance.get(author));
    }
    const inside = [...balance.values()].reduce((sum, n) => sum + n, 0);
    expect((await info('#crowd')).member_count).toBe(inside);
    const { rows } = await world.admin.query('select 1 from channel.members where channel_id = $1', [channel_id]);
    expect(rows).toHaveLength(inside);
  });

  it('the owner may leave too', async () => {
    const { channel_id } = await world.create(alice, '#abandoned');
    expect(await world.leave(alice, channel_id)).toMatchObject({ changed: true });
    expect((await refusalOf(membership(alice, channel_id))).code).toBe('INSUFFICIENT_PERMISSIONS');
  });

  it('[DCP-14.2-08] joining or leaving what does not exist is 2002', async () => {
    const nowhere = `ch_${'a'.repeat(52)}`;
    const attempts = [
      () => world.join(alice, nowhere),
      () => world.leave(alice, nowhere),
      () => membership(alice, nowhere),
    ];
    for (const attempt of attempts) {
      expect((await refusalOf(attempt())).code).toBe('CHANNEL_NOT_FOUND');
    }
  });

  it('a full channel admits nobody, whichever replica is asked', async () => {
    const { channel_id } = await world.create(alice, '#full');
    const results = await Promise.allSettled(
      Array.from({ length: 45 }, (_, i) => world.join(actor(`guest-${i}`), channel_id)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(39);
    const late = await refusalOf(world.join(actor('late'), channel_id));
    expect(late).toEqual({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'channel_full' } });
    expect((await info('#full')).member_count).toBe(40);
  });

  it('a user is in at most 1,000 channels', async () => {
    const busy = actor('busy');
    await world.admin.query(
      `insert into channel.members select 'ch_' || i, $1, 'member', now(), 1 from generate_series(1, 999) i`,
      [busy.userId],
    );
    const [first, second] = [await world.create(alice, '#last'), await world.create(alice, '#too-many')];
    await world.join(busy, first.channel_id);
    const refusal = { code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'too_many_memberships' } };
    expect(await refusalOf(world.join(busy, second.channel_id))).toEqual(refusal);
    expect(await refusalOf(world.create(busy, '#and-more'))).toEqual(refusal);
    await world.leave(busy, first.channel_id);
    await world.join(busy, second.channel_id);
  });

  it('[DCP-9.2-01] shows members to members only, page by page', async () => {
    const { channel_id } = await world.create(alice, '#paged');
    const users = Array.from({ length: 7 }, (_, i) => actor(`member-${i}`));
    for (const user of users) await world.join(user, channel_id);
    const seen: string[] = [];
    let more = true;
    while (more) {
      const after = seen.at(-1);
      const page = await world.bus.request(CHANNEL.members, { user_id: alice.userId, channel_id, limit: 3, after });
      seen.push(...page.members.map(({ user_id }) => user_id));
      expect(page.members.length).toBeLessThanOrEqual(3);
      more = page.has_more;
    }
    expect(seen).toEqual([alice, ...users].map(({ userId }) => userId).sort());
    const stranger = { user_id: actor('stranger').userId, channel_id, limit: 3 };
    expect((await refusalOf(world.bus.request(CHANNEL.members, stranger))).code).toBe('INSUFFICIENT_PERMISSIONS');
  });

  it('lists the channels of a user with their heads', async () => {
    const bob = actor('bob');
    const one = await world.create(bob, '#bob-one');
    const two = await world.create(alice, '#bob-two');
    const { seq } = await world.join(bob, two.channel_id);
    const mode = { encryption: 'node', visibility: 'public' };
    expect(await world.bus.request(CHANNEL.memberships, { user_id: bob.userId })).toEqual({
      memberships: [
        { channel_id: one.channel_id, name: '#bob-one', role: 'owner', last_seq: 1, ...mode },
        { channel_id: two.channel_id, name: '#bob-two', role: 'member', last_seq: seq, ...mode },
      ],
    });
    expect(await membership(bob, one.channel_id)).toMatchObject({ role: 'owner', name: '#bob-one' });
  });
});
