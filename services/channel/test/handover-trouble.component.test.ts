import { CHANNEL } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import type { Bus } from '@dcp/node-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { actor } from './support/actor.js';
import { expectGapless, textsOf } from './support/log-rules.js';
import { A, B, C, Moving } from './support/moving.js';
import { okOf, refusalOf } from './support/results.js';
import { person } from './support/sealed.js';
import { BOTH_BUSES } from './support/world.js';

// Waits of several rounds, each with a guard of its own.
jest.setTimeout(90_000);

/** As if the news got lost on its way to one instance. */
function deafToMoves(bus: Bus): Bus {
  return new Proxy(bus, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'subscribe') return member.bind(target) as unknown;
      return (topic: { subject: string }, ...more: unknown[]) => {
        if (topic.subject === CHANNEL.homeMoved.subject) return { unsubscribe: () => undefined };
        return Reflect.apply(member, target, [topic, ...more]) as unknown;
      };
    },
  });
}

describe.each(BOTH_BUSES)('channels that are on their way to another node, over the %s bus', (kind) => {
  let m: Moving;

  beforeAll(async () => {
    m = await Moving.open(kind);
  });
  afterEach(() => m.bridge.cut.clear());
  afterAll(() => m.close());

  it('stay where they are when the new home is away, has such a name, or has nobody in them any more', async () => {
    const { id, name } = await m.channel();
    m.bridge.cut.add(B);
    expect(await refusalOf(m.move(id, B))).toMatchObject({ code: 'NODE_UNREACHABLE' });
    m.bridge.cut.clear();
    await m.at(B).create(m.bob, name);
    expect(await refusalOf(m.move(id, B))).toEqual({ code: 'CONFLICT', details: { reason: 'name_taken' } });
    expect(await m.kept(id, A)).toMatchObject({ home_node: A, home_epoch: 1, is_replica: false, name });
    expect(await m.move(id, C)).toMatchObject({ home_node: C, state: 'settled' });
    okOf(await m.post(m.bob, id, 'hello'));
    await m.settled(id, C);
  });

  it('come back when the new home refuses what it had agreed to, with all that was posted meanwhile', async () => {
    const { id, name } = await m.channel();
    const handover = await m.signed(id, B);
    await eventually(async () => expect((await m.kept(id, B))?.last_seq).toBe('3'));
    // Between the question and the hand-over somebody takes the name at the new home.
    m.bridge.afterwards = async (to, body) => {
      if (to !== B || (body as { step?: string }).step !== 'probe') return;
      m.bridge.afterwards = undefined;
      await m.at(B).create(m.bob, name);
    };
    const moving = m.submit(handover);
    const posts = [0, 1, 2].map((i) => m.post(m.alice, id, `meanwhile ${i}`));
    expect(await moving).toMatchObject({ home_node: A, home_epoch: 1, state: 'settled', name });
    (await Promise.all(posts)).map(okOf);
    okOf(await m.post(m.carol, id, 'and after'));
    const log = await m.settled(id, A);
    expectGapless(log);
    expect(log).toHaveLength(7);
    expect(await m.move(id, C)).toMatchObject({ home_node: C, home_epoch: 2, state: 'settled' });
  });

  it('do not come back because an answer got lost, or because somebody else than the new home said no', async () => {
    const { id } = await m.channel();
    const faults = [
      new DcpError('NODE_UNREACHABLE', { reason: 'timeout' }),
      new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'trust_level' }),
      new DcpError('FEDERATION_ERROR', { reason: 'answer' }),
    ];
    // The new home takes it at the first question, and nobody hears of it.
    m.bridge.afterwards = (to, body) => {
      if (to !== B || (body as { step?: string }).step !== 'take') return;
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      m.bridge.afterwards = undefined;
    };
    const moving = m.move(id, B);
    okOf(await m.post(m.bob, id, 'ordered at the new home'));
    await moving;
    expect(await m.kept(id, A)).toMatchObject({ home_node: B, home_epoch: 2, is_replica: true });
    okOf(await m.post(m.alice, id, 'waits until it is heard of'));
    const log = await m.settled(id, B);
    expectGapless(log);
    expect(log).toHaveLength(5);
    expect(faults).toEqual([]);
  });

  it('wait for a new home that is away once they were given, and what is posted waits with them', async () => {
    const { id } = await m.channel();
    m.bridge.afterwards = (to, body) => {
      if (to !== B || (body as { step?: string }).step !== 'probe') return;
      m.bridge.afterwards = undefined;
      m.bridge.cut.add(B);
    };
    const answer = await m.move(id, B);
    expect(answer).toMatchObject({ home_node: B, home_epoch: 2, state: 'moving' });
    expect(okOf(await m.post(m.alice, id, 'one'))).toMatchObject({ state: 'queued' });
    expect(okOf(await m.post(m.carol, id, 'two'))).toMatchObject({ state: 'queued' });
    expect(okOf(await m.post(m.bob, id, 'three'))).toMatchObject({ state: 'queued' });
    expect(await m.log(id, A)).toHaveLength(3);
    m.bridge.join();
    const log = await m.settled(id, B);
    expectGapless(log);
    expect(log).toHaveLength(6);
    expect((await m.home(id)).state).toBe('settled');
  });

  it('are taken by a new home that was behind as soon as it is not', async () => {
    const { id } = await m.channel({ before: 450 });
    m.bridge.stalled.add(B);
    for (let i = 0; i < 5; i++) okOf(await m.post(m.alice, id, `unheard ${i}`));
    const ann = actor('ann', { node: A });
    m.bridge.know(ann);
    await m.at(A).join(ann, id);
    const asked = () => m.bridge.asked.filter((asking) => asking === 'channel_handover').length;
    const before = asked();
    const moving = m.move(id, B);
    await eventually(async () => expect((await m.home(id)).state).toBe('moving'), 20_000);
    expect(await refusalOf(m.at(A).leave(m.alice, id))).toEqual({
      code: 'NODE_UNREACHABLE',
      details: { reason: 'moving' },
    });
    // The new home has not heard of her yet.
    expect(okOf(await m.post(ann, id, 'waits'))).toMatchObject({ state: 'queued' });
    // Probed, asked to take it, and asked once more.
    await eventually(() => expect(asked()).toBeGreaterThanOrEqual(before + 3), 25_000);
    m.bridge.join();
    expect(['settled', 'moving']).toContain((await moving).state);
    const log = await m.settled(id, B);
    expectGapless(log);
    expect(log).toHaveLength(1 + 450 + 2 + 5 + 2);
  });

  it('a node that was away when they moved hears it from whoever reaches it first, and misses nothing', async () => {
    const { id } = await m.channel();
    m.bridge.cut.add(C);
    okOf(await m.post(m.alice, id, 'before'));
    expect(okOf(await m.post(m.carol, id, 'queued for the old home'))).toMatchObject({ state: 'queued' });
    await m.move(id, B);
    okOf(await m.post(m.bob, id, 'after'));
    // The home before has nothing more to tell.
    await m.at(A).admin.query('delete from channel.outgoing_handovers where channel_id = $1', [id]);
    m.bridge.join();
    const log = await m.settled(id, B);
    expect(log).toHaveLength(6);
    expect(textsOf(log, m.carol.userId)).toEqual(['queued for the old home']);
  });

  it('an instance that has not heard of the move orders nothing', async () => {
    const { id } = await m.channel();
    const deaf = await m.at(A).start({ wrapBus: deafToMoves });
    // Both instances know the roles and the home of the channel by heart.
    for (let i = 0; i < 12; i++) okOf(await m.post(m.alice, id, `warm ${i}`));
    await m.move(id, B);
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => m.post(m.alice, id, `after ${i}`)));
    for (const result of results) expect(['ordered', 'queued']).toContain(okOf(result).state);
    const log = await m.settled(id, B);
    expectGapless(log);
    const { rows } = await m.at(A).admin.query<{ seqs: string }>(
      `select count(*)::text as seqs from channel.channel_events e join channel.handovers h using (channel_id)
       where e.channel_id = $1 and e.seq > h.last_seq and e.home_epoch = 1`,
      [id],
    );
    expect(rows[0]?.seqs).toBe('0');
    await deaf.stop();
  });

  it('of an owner who is forgotten name him no more, and stay where they are', async () => {
    const ada = person('ada', A);
    m.bridge.know(ada);
    const name = m.name();
    const { channel_id: id } = await m.at(A).create(ada, name);
    await m.join(m.bob, id, name);
    await m.submit(await m.signed(id, B, {}, ada), ada);
    await m.at(A).join(m.alice, id);
    await m.at(A).forget(ada.userId);
    const { rows } = await m
      .at(A)
      .admin.query('select to_node, record from channel.handovers where channel_id = $1', [id]);
    expect(rows).toEqual([{ to_node: B, record: '' }]);
    okOf(await m.post(m.alice, id, 'goes on'));
    // What he wrote stays at other nodes (README); what comes after is the same everywhere.
    await eventually(async () => {
      await m.bridge.feed();
      const [here, there] = [await m.log(id, A), await m.log(id, B)];
      expect(here.map(({ seq }) => seq)).toEqual(there.map(({ seq }) => seq));
      expect(textsOf(here.slice(-1), m.alice.userId)).toEqual(['goes on']);
    }, 20_000);
    expect((await m.home(id)).handovers).toEqual([]);
  });
});
