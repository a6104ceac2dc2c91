import { CHANNEL } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { actor } from './support/actor.js';
import { ordered } from './support/bridge.js';
import { expectGapless, textsOf } from './support/log-rules.js';
import { A, B, C, Moving } from './support/moving.js';
import { errorOf, okOf, refusalOf } from './support/results.js';
import { person, SealedChannel, sealedPost } from './support/sealed.js';
import { BOTH_BUSES } from './support/world.js';

// Waits of several rounds, each with a guard of its own.
jest.setTimeout(90_000);

describe.each(BOTH_BUSES)('channels whose owner gives them to another node, over the %s bus', (kind) => {
  let m: Moving;

  beforeAll(async () => {
    m = await Moving.open(kind);
  });
  afterEach(() => m.bridge.cut.clear());
  afterAll(() => m.close());

  it('are ordered by the new home from then on, under the name that they have there, and everybody follows', async () => {
    const { id, name } = await m.channel({ before: 3 });
    okOf(await m.post(m.alice, id, 'at the old home'));
    expect(await m.move(id, B)).toMatchObject({
      home_node: B,
      home_epoch: 2,
      name: `${name}@${B}`,
      state: 'settled',
      handovers: [{ handover: { to_node: B, epoch: 2 }, closing: { epoch: 1, last_seq: 7 } }],
    });
    okOf(await m.post(m.alice, id, 'from the old home'));
    okOf(await m.post(m.bob, id, 'at the new home'));
    okOf(await m.post(m.carol, id, 'from elsewhere'));
    const log = await m.settled(id, B);
    expectGapless(log);
    expect(log).toHaveLength(10);
    expect((await m.kept(id, B))?.name).toBe(name);
    expect((await m.kept(id, C))?.name).toBe(`${name}@${B}`);
    // The new home has what was before its first member, too.
    expect((await m.at(B).log(id)).map(({ seq }) => seq)).toEqual(log.map(({ seq }) => seq));
    const { rows } = await m
      .at(B)
      .admin.query(
        'select seq, home_epoch from channel.channel_events where channel_id = $1 and seq > 6 order by seq',
        [id],
      );
    expect(rows.map(({ home_epoch }) => home_epoch)).toEqual([1, 2, 2, 2]);
    // The home before has no say in what comes after, whatever it goes on to send.
    const last = log.at(-1);
    if (last === undefined) throw new Error('no log');
    const next = { ...last, seq: 11, id: 'msg_aaaaaaaaaaaaaaaa', type: 'text', received_at: new Date().toISOString() };
    const body = JSON.stringify({ ...(JSON.parse(last.body) as object), id: next.id });
    const batch = ordered({ channel_id: id, name, entries: [{ ...next, body }] });
    for (const node of [B, C]) {
      expect(await refusalOf(m.bridge.ask(A, node, 'entries', batch))).toEqual({
        code: 'FEDERATION_ERROR',
        details: { reason: 'not_the_home' },
      });
    }
  });

  it('lose nothing that is posted meanwhile: everything is ordered once, in each author’s order, the same everywhere', async () => {
    const { id } = await m.channel();
    const authors = [m.alice, m.bob, m.carol];
    const said = Array.from({ length: 30 }, (_, i) => `post ${i}`);
    const writing = authors.map(async (who) => {
      for (const text of said) {
        const result = await m.post(who, id, text);
        expect(['ordered', 'queued']).toContain(okOf(result).state);
      }
    });
    await m.move(id, B);
    await Promise.all(writing);
    const log = await m.settled(id, B);
    expectGapless(log);
    for (const { userId } of authors) expect(textsOf(log, userId)).toEqual(said);
  });

  it('in mode e2ee keep their state chain, and take posts and changes at the new home', async () => {
    const sealed = await SealedChannel.create(m.at(A), m.alice, m.name(), { visibility: 'private' });
    for (const [who, node] of [
      [m.bob, B],
      [m.carol, C],
    ] as const) {
      await sealed.invite(m.alice, who);
      const entry = sealed.entry(who, 'user_joined', who.userId, { identity_key: who.identityKey });
      await eventually(async () => {
        const { invitations } = await m.at(node).bus.request(CHANNEL.invitations, { user_id: who.userId });
        expect(invitations.map(({ channel_id }) => channel_id)).toContain(sealed.id);
      }, 20_000);
      const change = { session: who.session, channel_id: sealed.id, entry };
      const { state_head, epoch } = await m.at(node).bus.request(CHANNEL.changeState, change);
      [sealed.head, sealed.epoch] = [state_head, epoch];
    }
    const post = (who: typeof m.bob) => m.at(who.userId.slice(0, 8)).postOne(sealedPost(who, sealed.id, sealed.epoch));
    okOf(await post(m.carol));
    expect(await m.move(sealed.id, B)).toMatchObject({ home_node: B, state: 'settled' });
    for (const who of [m.alice, m.bob, m.carol]) okOf(await post(who));
    await m.settled(sealed.id, B);
    // The owner is a user of another node now, and what he signs is decided at the new home.
    const entry = sealed.entry(m.alice, 'user_removed', m.carol.userId);
    const change = { session: m.alice.session, channel_id: sealed.id, entry };
    expect(await m.at(A).bus.request(CHANNEL.changeState, change)).toMatchObject({ changed: true, epoch: 1 });
    expect(errorOf(await post(m.bob))).toMatchObject({ details: { reason: 'stale_epoch' } });
    await m.settled(sealed.id, B, [A, B]);
  });

  it('are still their owner’s: he changes their title from where he is, moves them on, and back', async () => {
    const { id, name } = await m.channel({ before: 2 });
    await m.move(id, B);
    const titled = { session: m.alice.session, channel_id: id, title: 'Moved' };
    expect(await m.at(A).bus.request(CHANNEL.update, titled)).toMatchObject({ changed: true, name: `${name}@${B}` });
    expect(await m.move(id, C)).toMatchObject({ home_node: C, home_epoch: 3, state: 'settled' });
    okOf(await m.post(m.bob, id, 'at C'));
    await m.settled(id, C);
    expect(await m.move(id, A)).toMatchObject({ home_node: A, home_epoch: 4, name, state: 'settled' });
    okOf(await m.post(m.carol, id, 'at A again'));
    const log = await m.settled(id, A);
    expectGapless(log);
    expect((await m.home(id, m.carol)).handovers.map(({ handover }) => handover.to_node)).toEqual([B, C, A]);
  });

  it('are joined at their new home by whoever comes later, by the name there or by where they were', async () => {
    const { id, name } = await m.channel();
    await m.move(id, B);
    await m.settled(id, B);
    const [carl, dora] = [actor('carl', { node: C }), actor('dora', { node: C })];
    m.bridge.know(carl, dora);
    await m.at(C).leave(m.carol, id);
    await eventually(async () =>
      expect((await m.at(C).bus.request(CHANNEL.heads, { channel_ids: [id] })).heads).toEqual({}),
    );
    // No replica is left there, and the first who comes has an old address.
    const found = await m.at(C).bus.request(CHANNEL.resolve, { name: `${id}@${A}`, user_id: dora.userId });
    expect(found.name).toBe(`${name}@${B}`);
    await m.at(C).join(dora, id);
    await m.join(carl, id, name, B);
    okOf(await m.post(dora, id, 'found it'));
    await m.settled(id, B, [A, B]);
    expect((await m.home(id, carl)).handovers).toHaveLength(1);
  });

  it('are not given by anybody but their owner, nor by forged, foreign or old words', async () => {
    const { id } = await m.channel();
    const good = await m.signed(id, B);
    const mallory = person('mallory', A);
    m.bridge.know(mallory);
    await m.at(A).join(mallory, id);
    const told = async (handover: typeof good, by = m.alice, node = A) => refusalOf(m.submit(handover, by, node));
    const denied = (reason: string) => ({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason } });
    const wrong = (reason: string) => ({ code: 'FEDERATION_ERROR', details: expect.objectContaining({ reason }) });
    expect(await told(await m.signed(id, B, {}, mallory), mallory)).toEqual(denied('not_the_owner'));
    expect(await told(await m.signed(id, B, {}, m.bob), m.bob, B)).toEqual(denied('not_the_owner'));
    expect(await told(good, mallory)).toEqual(denied('foreign_author'));
    expect(await told({ ...good, device: mallory.device })).toEqual(denied('foreign_device'));
    expect(await told({ ...good, to_node: C })).toEqual(wrong('handover_signature'));
    const bySomebody = { ...good, signature: mallory.sign('HANDOVER', good) };
    expect(await told(bySomebody)).toEqual(wrong('handover_signature'));
    expect(await told({ ...good, signature: m.alice.sign('ORDER', good) })).toEqual(wrong('handover_signature'));
    const old = new Date(Date.now() - 6 * 60_000).toISOString();
    expect(await told(await m.signed(id, B, { issued: old }))).toMatchObject({ details: { reason: 'clock_skew' } });
    expect(await told(await m.signed(id, B, { epoch: 3 }))).toMatchObject({ details: { reason: 'old_epoch' } });
    expect(await told(await m.signed(id, B, { from_node: C }))).toEqual(wrong('handover_chain'));
    expect(await told(await m.signed(id, B, { prev: `sha256:${'0'.repeat(64)}` }))).toEqual(wrong('handover_chain'));
    expect(await told(await m.signed(id, 'd9d9d9d9'))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'no_member' },
    });
    const general = await m.at(A).general();
    await m.at(A).join(m.alice, general);
    const system = { ...good, channel_id: general };
    expect(await told({ ...system, signature: m.alice.sign('HANDOVER', system) })).toEqual(denied('not_the_owner'));
    // Another node may not say it in his place.
    const body = { step: 'ask', channel_id: id, handovers: [{ handover: good }] };
    expect(await refusalOf(m.bridge.ask(C, A, 'channel_handover', body))).toEqual(wrong('foreign_user'));
    expect(await m.kept(id, A)).toMatchObject({ home_node: A, home_epoch: 1, is_replica: false });
    okOf(await m.post(m.alice, id, 'still here'));
  });

  it('are never DMs', async () => {
    const { bus } = m.at(A);
    const { channel_id: id } = await bus.request(CHANNEL.openDm, { session: m.alice.session, user_id: m.bob.userId });
    expect(await refusalOf(m.submit(await m.signed(id, B)))).toEqual({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'dm' },
    });
  });

  it('of two hand-overs of one epoch the first one stays; sent again it is answered alike', async () => {
    const { id } = await m.channel();
    const [first, second] = [await m.signed(id, B), await m.signed(id, C)];
    await m.submit(first);
    const conflict = { code: 'FEDERATION_ERROR', details: { reason: 'handover_conflict', epoch: 2 } };
    expect(await refusalOf(m.submit(second))).toEqual(conflict);
    expect(await m.submit(first)).toMatchObject({ home_node: B, home_epoch: 2, state: 'settled' });
    await m.settled(id, B);
    const { handovers } = await m.home(id);
    const [record] = handovers;
    if (record === undefined) throw new Error('no hand-over');
    // The same at nodes that hear of it: here from the home before, which has signed a closing for the other.
    const other = { handover: second, closing: record.closing };
    const body = (step: string) => ({ step, channel_id: id, handovers: [other] });
    for (const node of [B, C]) {
      expect(await refusalOf(m.bridge.ask(A, node, 'channel_handover', body('told')))).toEqual(conflict);
    }
    expect(await m.bridge.ask(A, C, 'channel_handover', body('take'))).toMatchObject({
      state: 'refused',
      reason: 'handover_conflict',
    });
    expect(await m.instances[C]?.metrics.text()).toMatch(/dcp_handover_conflicts_total\{.*\} [1-9]/);
  });

  it('are taken by no node without the word of the home before', async () => {
    const { id } = await m.channel();
    const handover = await m.signed(id, B);
    const plain = { channel_id: id, epoch: 1, last_seq: 3, to_node: B };
    const forged = { handover, closing: { ...plain, signature: m.alice.sign('ORDER', plain) } };
    const tell = (from: string, to: string, step: string, record: object = forged) =>
      refusalOf(m.bridge.ask(from, to, 'channel_handover', { step, channel_id: id, handovers: [record] }));
    const wrong = (reason: string) => ({ code: 'FEDERATION_ERROR', details: expect.objectContaining({ reason }) });
    const take = (record: object) =>
      m.bridge.ask(A, B, 'channel_handover', { step: 'take', channel_id: id, handovers: [record] });
    expect(await take(forged)).toMatchObject({ state: 'refused', reason: 'closing' });
    expect(await take({ handover })).toMatchObject({ state: 'refused', reason: 'closing' });
    expect(await tell(C, B, 'take')).toEqual(wrong('not_the_home'));
    expect(await m.bridge.ask(A, C, 'channel_handover', { step: 'take', channel_id: id, handovers: [forged] })).toEqual(
      {
        state: 'refused',
        last_seq: 0,
        reason: 'not_the_home',
      },
    );
    expect(await tell(A, C, 'told')).toEqual(wrong('closing'));
    expect(await tell(B, C, 'told')).toEqual(wrong('not_the_home'));
    const byBob = await m.signed(id, B, { author: m.bob.userId, device: m.bob.device }, m.bob);
    expect(await tell(A, C, 'told', { ...forged, handover: byBob })).toEqual(wrong('handover_author'));
    expect(await m.kept(id, B)).toMatchObject({ home_node: A, is_replica: true });
    // Whoever only says that he is the home is asked how he came to that.
    const entry = { ...(await m.at(A).log(id)).at(-1), seq: 4 } as Parameters<typeof ordered>[0]['entries'][number];
    const batch = ordered({ channel_id: id, name: '#x', entries: [entry] }, 2);
    expect(await refusalOf(m.bridge.ask(B, C, 'entries', batch))).toEqual({ code: 'CHANNEL_NOT_FOUND', details: {} });
  });

  it('reading is for members: where a channel is, and how it came there', async () => {
    const { id } = await m.channel();
    const eve = actor('eve', { node: A });
    expect(await refusalOf(m.home(id, eve))).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
    const sealed = await SealedChannel.create(m.at(A), m.alice, m.name());
    expect(await refusalOf(m.home(sealed.id, eve))).toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
    expect(await m.home(sealed.id)).toMatchObject({ home_node: A, home_epoch: 1, state: 'settled', handovers: [] });
  });
});
