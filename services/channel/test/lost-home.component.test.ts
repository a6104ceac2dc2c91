import { CHANNEL, type HomeSurvey } from '@dcp/contracts';
import type { Handover } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Actor, actor } from './support/actor.js';
import { expectGapless } from './support/log-rules.js';
import { A, B, C, Moving } from './support/moving.js';
import { errorOf, okOf, refusalOf } from './support/results.js';
import { person, SealedChannel, sealedPost } from './support/sealed.js';
import { BOTH_BUSES } from './support/world.js';

jest.setTimeout(90_000);

const VOID = 5;

describe.each(BOTH_BUSES)('channels whose home is gone for good, over the %s bus', (kind) => {
  let m: Moving;

  beforeAll(async () => {
    m = await Moving.open(kind);
  });
  afterEach(() => m.bridge.join());
  afterAll(() => m.close());

  /** The channel's owner is at A, its home is B, and B is gone. */
  const lost = async (beforehand?: (id: string) => Promise<void>) => {
    const { id, name } = await m.channel();
    await m.move(id, B);
    await m.settled(id, B);
    await beforehand?.(id);
    m.bridge.cut.add(B);
    return { id, name };
  };
  const survey = (id: string, who: Actor = m.alice): Promise<HomeSurvey> =>
    m
      .at(who.userId.slice(0, 8))
      .bus.request(CHANNEL.homeSurvey, { channel_id: id, user_id: who.userId }, { timeoutMs: 20_000 });
  const lastAt = async (id: string, node: string) => Number((await m.kept(id, node))?.last_seq);
  /** As the owner's client signs it: what the new home has stays. */
  const word = async (id: string, to: string, changes: Partial<Handover> = {}, by = m.alice) => {
    const last_seq = await lastAt(id, to);
    return m.signed(id, to, { kind: 'lost', last_seq, void_to: last_seq + VOID, ...changes }, by);
  };
  const claim = async (id: string, to: string) => m.submit(await word(id, to));
  const texts = async (id: string, node: string) =>
    (await m.log(id, node)).flatMap(({ body }) =>
      body === '' ? [] : ((JSON.parse(body) as { content: { text?: string } }).content.text ?? []),
    );
  const membersAt = async (id: string, node: string) => {
    const { rows } = await m
      .at(node)
      .admin.query<{ user_id: string }>('select user_id from channel.members where channel_id = $1 order by 1', [id]);
    return rows.map(({ user_id }) => user_id);
  };

  it.each([
    ['its owner’s', A],
    ['another', C],
  ])('go on at %s node by their owner’s word, where they were, and no number is given twice', async (_, to) => {
    const { id, name } = await lost();
    expect(okOf(await m.post(m.alice, id, 'waits'))).toMatchObject({ state: 'queued' });
    expect(await survey(id)).toMatchObject({
      home_node: B,
      home_epoch: 2,
      home_answers: false,
      nodes: [
        { node_id: A, first_seq: 1, last_seq: 3 },
        { node_id: C, first_seq: 3, last_seq: 3 },
      ],
    });
    expect(await claim(id, to)).toMatchObject({ home_node: to, home_epoch: 3, state: 'settled' });
    okOf(await m.post(m.carol, id, 'from elsewhere'));
    await eventually(async () => {
      for (const node of [A, C]) {
        await m.bridge.feed();
        expect((await texts(id, node)).toSorted()).toEqual(['from elsewhere', 'waits']);
        expect(await m.kept(id, node)).toMatchObject({ home_node: to, home_epoch: 3, is_replica: node !== to });
      }
    }, 25_000);
    expect((await m.kept(id, to))?.name).toBe(name);
    const log = (await m.log(id, C)).filter(({ seq }) => seq >= 3);
    expect((await m.log(id, A)).slice(2)).toEqual(log);
    expect(log.map(({ seq }) => seq)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(log.slice(1, 1 + VOID).map(({ author, body }) => author + body)).toEqual(Array(VOID).fill(''));
  });

  it('of a home that comes back take what only it had as posts that waited, in their order', async () => {
    const { id } = await lost();
    for (const text of ['b1', 'b2', 'b3'])
      expect(okOf(await m.post(m.bob, id, text))).toMatchObject({ state: 'ordered' });
    const dave = actor('dave', { node: B });
    m.bridge.know(dave);
    await m.at(B).join(dave, id);
    expect(okOf(await m.post(dave, id, 'd1'))).toMatchObject({ state: 'ordered' });
    await claim(id, A);
    okOf(await m.post(m.alice, id, 'a1'));
    m.bridge.join();
    // Dave's joining does not count, so what he wrote is refused: he hears of that.
    await eventually(async () => expect(await membersAt(id, B)).not.toContain(dave.userId), 25_000);
    const log = await m.settled(id, A);
    expectGapless(log);
    expect((await texts(id, A)).filter((text) => text.startsWith('b'))).toEqual(['b1', 'b2', 'b3']);
    expect(await texts(id, B)).toEqual(await texts(id, A));
    expect(await membersAt(id, B)).toEqual(await membersAt(id, A));
    okOf(await m.post(m.bob, id, 'b4'));
    await m.at(B).bus.request(CHANNEL.resolve, { name: `${id}@${A}`, user_id: dave.userId });
    await m.at(B).join(dave, id);
    okOf(await m.post(dave, id, 'd2'));
    expectGapless(await m.settled(id, A));
    expect(await m.instances[B]?.metrics.text()).toMatch(/dcp_entries_voided_total\{.*\} [1-9]/);
  });

  it('take back at a node that had more than the new home what the others have not, and order its users’ posts again', async () => {
    const erin = actor('erin', { node: C });
    m.bridge.know(erin);
    const { id } = await lost(async (channel) => {
      m.bridge.stalled.add(A);
      okOf(await m.post(m.bob, channel, 'only at B and C'));
      okOf(await m.post(m.carol, channel, 'c1'));
      await m.at(C).bus.request(CHANNEL.resolve, { name: `${channel}@${B}`, user_id: erin.userId });
      await m.at(C).join(erin, channel);
      await m.at(C).leave(erin, channel);
      await eventually(async () => expect(await lastAt(channel, C)).toBe(7), 20_000);
    });
    expect((await survey(id)).nodes).toMatchObject([
      { node_id: A, last_seq: 3 },
      { node_id: C, last_seq: 7 },
    ]);
    await claim(id, A);
    m.bridge.stalled.clear();
    okOf(await m.post(m.alice, id, 'a1'));
    await eventually(async () => {
      await m.bridge.feed();
      expect((await texts(id, A)).toSorted()).toEqual(['a1', 'c1']);
      expect(await m.log(id, C)).toEqual((await m.log(id, A)).slice(2));
    }, 25_000);
    expectGapless(await m.log(id, A));
    // Carol's client has seen numbers up to 7, and they are not given again.
    const { rows } = await m
      .at(C)
      .admin.query<{ seq: string }>(
        `select seq from channel.channel_events where channel_id = $1 and seq between 4 and 8 and body <> ''`,
        [id],
      );
    expect(rows).toEqual([]);
    expect(await membersAt(id, C)).toEqual(await membersAt(id, A));
  });

  it('keep their members when a node has seen them go that the new home has not', async () => {
    const { id } = await lost(async (channel) => {
      m.bridge.stalled.add(A);
      await m.at(C).leave(m.carol, channel);
    });
    await claim(id, A);
    m.bridge.join();
    expect(await membersAt(id, A)).toContain(m.carol.userId);
    okOf(await m.post(m.alice, id, 'a1'));
    await m.settled(id, A, [A, B]);
  });

  it('encrypted ones keep one state chain, without what only the lost home had put into it', async () => {
    const sealed = await SealedChannel.create(m.at(A), m.alice, m.name(), { visibility: 'private' });
    for (const who of [m.bob, m.carol]) {
      const node = who.userId.slice(0, 8);
      await sealed.invite(m.alice, who);
      await eventually(async () => {
        const { invitations } = await m.at(node).bus.request(CHANNEL.invitations, { user_id: who.userId });
        expect(invitations.map(({ channel_id }) => channel_id)).toContain(sealed.id);
      }, 20_000);
      const entry = sealed.entry(who, 'user_joined', who.userId, { identity_key: who.identityKey });
      const change = { session: who.session, channel_id: sealed.id, entry };
      const { state_head, epoch } = await m.at(node).bus.request(CHANNEL.changeState, change);
      [sealed.head, sealed.epoch] = [state_head, epoch];
    }
    await m.move(sealed.id, B);
    await m.settled(sealed.id, B);
    const kept = { head: sealed.head, epoch: sealed.epoch };
    m.bridge.stalled.add(A);
    const ghost = person('ghost', C);
    m.bridge.know(ghost);
    const invite = sealed.entry(m.alice, 'user_invited', ghost.userId, { identity_key: ghost.identityKey });
    const changed = { session: m.alice.session, channel_id: sealed.id, entry: invite };
    // Alice's node does not hear of what she did: it stays without.
    void m
      .at(A)
      .bus.request(CHANNEL.changeState, changed)
      .catch(() => undefined);
    await eventually(
      async () => expect(await lastAt(sealed.id, C)).toBeGreaterThan(await lastAt(sealed.id, A)),
      20_000,
    );
    m.bridge.cut.add(B);
    await claim(sealed.id, A);
    m.bridge.join();
    [sealed.head, sealed.epoch] = [kept.head, kept.epoch];
    const removal = sealed.entry(m.alice, 'user_removed', m.carol.userId);
    const change = { session: m.alice.session, channel_id: sealed.id, entry: removal };
    expect(await m.at(A).bus.request(CHANNEL.changeState, change)).toMatchObject({ changed: true, epoch: 1 });
    // Until B has heard that it was lost, it orders as before.
    await eventually(async () => expect(await m.kept(sealed.id, B)).toMatchObject({ home_node: A }), 25_000);
    expect(errorOf(await m.at(B).postOne(sealedPost(m.bob, sealed.id, 0)))).toMatchObject({
      details: { reason: 'stale_epoch' },
    });
    okOf(await m.at(B).postOne(sealedPost(m.bob, sealed.id, 1)));
    await m.settled(sealed.id, A, [A, B]);
    const heads = async (node: string) =>
      (
        await m
          .at(node)
          .admin.query('select state_head, epoch from channel.channels where channel_id = $1', [sealed.id])
      ).rows;
    await eventually(async () => {
      await m.bridge.feed();
      expect(await heads(C)).toEqual(await heads(A));
    }, 20_000);
    const { rows } = await m.at(C).admin.query('select 1 from channel.invitations where channel_id = $1', [sealed.id]);
    expect(rows).toEqual([]);
  });

  it('that were given to a node which never took them go on elsewhere, with all that waits', async () => {
    const { id } = await m.channel();
    m.bridge.afterwards = (to, body) => {
      if (to !== B || (body as { step?: string }).step !== 'probe') return;
      m.bridge.afterwards = undefined;
      m.bridge.cut.add(B);
    };
    expect(await m.move(id, B)).toMatchObject({ home_node: B, state: 'moving' });
    expect(okOf(await m.post(m.alice, id, 'one'))).toMatchObject({ state: 'queued' });
    expect(okOf(await m.post(m.carol, id, 'two'))).toMatchObject({ state: 'queued' });
    expect(await claim(id, A)).toMatchObject({ home_node: A, home_epoch: 3, state: 'settled' });
    m.bridge.join();
    okOf(await m.post(m.bob, id, 'three'));
    expectGapless(await m.settled(id, A));
    expect((await texts(id, A)).toSorted()).toEqual(['one', 'three', 'two']);
  });

  it('at a node that came later begin where it came, and may be given on from there', async () => {
    const { id } = await m.channel({ before: 20 });
    await m.move(id, B);
    await m.settled(id, B);
    m.bridge.cut.add(B);
    const first = 23;
    expect((await survey(id)).nodes).toContainEqual({ node_id: C, first_seq: first, last_seq: first });
    await claim(id, C);
    // As if the owner's node had come later still.
    await m.at(A).admin.query('update channel.channels set replica_from = $2 where channel_id = $1', [id, first + 2]);
    await m
      .at(A)
      .admin.query(`delete from channel.channel_events where channel_id = $1 and seq < $2 and type <> 'system'`, [
        id,
        first + 2,
      ]);
    okOf(await m.post(m.alice, id, 'a1'));
    const home = await m.move(id, A);
    expect(home).toMatchObject({ home_node: A, home_epoch: 4, state: 'settled' });
    expect(home.handovers.at(-1)?.closing).toMatchObject({ first_seq: first });
    okOf(await m.post(m.carol, id, 'c1'));
    await eventually(async () => {
      await m.bridge.feed();
      expect((await texts(id, A)).slice(-2)).toEqual(['a1', 'c1']);
    }, 20_000);
    const { rows } = await m
      .at(A)
      .admin.query<{ first: string; count: string; last: string }>(
        `select min(seq) as first, count(*) as count, max(seq) as last from channel.channel_events where channel_id = $1 and seq >= $2`,
        [id, first],
      );
    expect(Number(rows[0]?.last) - first + 1).toBe(Number(rows[0]?.count));
    const page = await m.at(A).bus.request(CHANNEL.history, { channel_id: id, user_id: m.alice.userId, limit: 100 });
    expect(page.has_more).toBe(false);
  });

  it('are not taken from a home that answers, nor by anybody but their owner, nor from another end', async () => {
    const { id, name } = await lost();
    m.bridge.cut.clear();
    const conflict = (reason: string) => ({ code: 'CONFLICT', details: expect.objectContaining({ reason }) });
    const wrong = (reason: string) => ({ code: 'FEDERATION_ERROR', details: expect.objectContaining({ reason }) });
    expect(await survey(id)).toMatchObject({ home_answers: true });
    for (const to of [A, C]) expect(await refusalOf(claim(id, to))).toEqual(conflict('home_answers'));
    m.bridge.cut.add(B);
    const byCarol = await word(id, C, { author: m.carol.userId, device: m.carol.device }, m.carol);
    expect(await refusalOf(m.submit(byCarol, m.carol, C))).toEqual(wrong('handover_author'));
    const good = await word(id, C);
    const forged = { ...good, void_to: (good.void_to ?? 0) + 1 };
    expect(await refusalOf(m.submit(forged))).toEqual(wrong('handover_signature'));
    expect(await refusalOf(m.submit(await word(id, C, { last_seq: 2 })))).toEqual(conflict('another_end'));
    expect(await refusalOf(m.submit(await word(id, C, { last_seq: 4 })))).toEqual(conflict('another_end'));
    expect(await refusalOf(m.submit(await word(id, C, { epoch: 4 })))).toEqual(wrong('handover_chain'));
    expect(await refusalOf(m.submit(await word(id, C, { void_to: 3 })))).toMatchObject({
      code: 'INVALID_MESSAGE_FORMAT',
    });
    const old = new Date(Date.now() - 6 * 60_000).toISOString();
    expect(await refusalOf(m.submit(await word(id, C, { issued: old })))).toMatchObject({
      details: { reason: 'clock_skew' },
    });
    expect(
      await refusalOf(m.submit(await m.signed(id, 'd9d9d9d9', { kind: 'lost', last_seq: 3, void_to: 8 }))),
    ).toMatchObject({
      code: 'NODE_UNREACHABLE',
    });
    await m.at(C).create(m.carol, name);
    expect(await refusalOf(m.submit(good))).toEqual(conflict('name_taken'));
    const eve = actor('eve', { node: A });
    expect(await refusalOf(survey(id, eve))).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
    // Another node may neither say it in his place, nor ask about channels in which nobody of it is.
    const body = { step: 'claim', channel_id: id, handovers: [{ handover: good }] };
    expect(await refusalOf(m.bridge.ask(B, C, 'channel_handover', body))).toEqual(wrong('foreign_user'));
    m.bridge.cut.clear();
    const { id: other } = await m.channel();
    await m.at(C).leave(m.carol, other);
    await eventually(async () => expect(await membersAt(other, A)).not.toContain(m.carol.userId));
    expect(await refusalOf(m.bridge.ask(C, A, 'channel_survey', { channel_id: other }))).toMatchObject({
      code: 'CHANNEL_NOT_FOUND',
    });
    for (const node of [A, C]) expect(await m.kept(id, node)).toMatchObject({ home_node: B, home_epoch: 2 });
  });

  it('are followed by nobody to whom the home still answers; when it has heard of it, by everybody', async () => {
    const { id } = await lost();
    // C hears nothing while B is gone, and both later; only the line between A and B stays cut.
    m.bridge.cut.add(C);
    await claim(id, A);
    m.bridge.cutLines.add(`${A} ${B}`);
    m.bridge.cut.clear();
    const records = (await m.home(id)).handovers;
    const told = { step: 'told', channel_id: id, handovers: records };
    expect(await refusalOf(m.bridge.ask(A, C, 'channel_handover', told))).toEqual({
      code: 'CONFLICT',
      details: { reason: 'home_answers', home_node: B },
    });
    expect(await m.kept(id, C)).toMatchObject({ home_node: B });
    expect(await m.bridge.ask(A, B, 'channel_handover', told)).toMatchObject({ state: 'settled' });
    expect(await m.kept(id, B)).toMatchObject({ home_node: A, is_replica: true });
    m.bridge.join();
    okOf(await m.post(m.carol, id, 'c1'));
    expectGapless(await m.settled(id, A));
  });

  it('of two words of one epoch the first one stays; sent again it is answered alike', async () => {
    const { id } = await lost();
    const [first, second] = [await word(id, C), await word(id, A)];
    expect(await m.submit(first)).toMatchObject({ home_node: C, home_epoch: 3 });
    expect(await m.submit(first)).toMatchObject({ home_node: C, home_epoch: 3 });
    expect(await refusalOf(m.submit(second))).toMatchObject({ details: { reason: 'handover_conflict' } });
    // A lost home gives nothing, and one that answers is asked the other way.
    expect(
      await refusalOf(
        m.bridge.ask(A, C, 'channel_handover', { step: 'ask', channel_id: id, handovers: [{ handover: second }] }),
      ),
    ).toMatchObject({
      details: { reason: 'home_answers' },
    });
  });
});
