import { CHANNEL, type ChannelHome, type Entry, type HomeSurvey } from '@dcp/contracts';
import { canonicalJson, CONSENT_DAYS, type Handover, type Mandate } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { actor, newId } from './support/actor.js';
import { appoint, consentOf, mandateOf } from './support/admins.js';
import { ordered } from './support/bridge.js';
import { expectGapless } from './support/log-rules.js';
import { A, B, C, Moving } from './support/moving.js';
import { okOf, refusalOf } from './support/results.js';
import { creation, type Person, person, SealedChannel } from './support/sealed.js';
import { BOTH_BUSES } from './support/world.js';

jest.setTimeout(90_000);

const VOID = 5;

describe.each(BOTH_BUSES)('channels that are lost with their owner, over the %s bus', (kind) => {
  let m: Moving;
  /** Another user of the third node. */
  let dora: Person;

  beforeAll(async () => {
    m = await Moving.open(kind);
    dora = person('dora', C);
    m.bridge.know(dora);
  });
  afterEach(() => m.bridge.join());
  afterAll(() => m.close());

  const nodeOf = (who: Person) => who.userId.slice(0, 8);
  const mandateAt = async (id: string, who: Person) => (await m.home(id, who)).mandate;
  const known = (id: string, mandate: Mandate, ...people: Person[]) =>
    eventually(async () => {
      await m.bridge.feed();
      for (const who of people) expect(await mandateAt(id, who)).toEqual(mandate);
    }, 20_000);
  /** The owner and the home are at A, and all nodes know whom he trusts. */
  const channel = async (admins: Person[]) => {
    const { id, name } = await m.channel();
    await m.join(dora, id, name);
    const mandate = mandateOf(m.alice, id, admins);
    await appoint(m, mandate);
    await known(id, mandate, m.bob, m.carol);
    return { id, name, mandate };
  };
  const word = async (id: string, to: string, by: Person, mandate: Mandate, changes: Partial<Handover> = {}) => {
    const last_seq = Number((await m.kept(id, to))?.last_seq);
    return m.signed(id, to, { kind: 'lost', last_seq, void_to: last_seq + VOID, mandate, ...changes }, by);
  };
  const claim = (by: Person, handover: Handover): Promise<ChannelHome> => m.submit(handover, by, nodeOf(by));
  const survey = (id: string, who: Person): Promise<HomeSurvey> =>
    m.at(nodeOf(who)).bus.request(CHANNEL.homeSurvey, { channel_id: id, user_id: who.userId }, { timeoutMs: 20_000 });
  const texts = async (id: string, node: string) =>
    (await m.log(id, node)).flatMap(({ body }) =>
      body === '' ? [] : ((JSON.parse(body) as { content: { text?: string } }).content.text ?? []),
    );

  it.each([
    ['of the admin who asks', B],
    ['of another', C],
  ])(
    'go on at the node %s by more than half of the admins, and their owner’s node follows when it is back',
    async (_, to) => {
      const { id, mandate } = await channel([m.bob, m.carol, dora]);
      m.bridge.cut.add(A);
      expect(okOf(await m.post(m.carol, id, 'waits'))).toMatchObject({ state: 'queued' });
      expect(await survey(id, m.bob)).toMatchObject({ home_answers: false, mandate });
      const proposal = await word(id, to, m.bob, mandate);
      const home = await claim(m.bob, { ...proposal, consents: [consentOf(dora, proposal)] });
      expect(home).toMatchObject({ home_node: to, home_epoch: 2, state: 'settled', mandate });
      okOf(await m.post(m.bob, id, 'from B'));
      await eventually(async () => {
        await m.bridge.feed();
        for (const node of [B, C]) expect((await texts(id, node)).toSorted()).toEqual(['from B', 'waits']);
      }, 25_000);
      m.bridge.join();
      await eventually(
        async () => expect(await m.kept(id, A)).toMatchObject({ home_node: to, is_replica: true }),
        25_000,
      );
      okOf(await m.post(m.alice, id, 'from the owner'));
      expectGapless(await m.settled(id, to));
      // He is the owner still.
      await appoint(m, mandateOf(m.alice, id, [], 2));
      expect((await m.move(id, to === B ? C : B)).home_epoch).toBe(3);
    },
  );

  it('go on by the one admin there is, and by the consent of a day before', async () => {
    const { id, mandate } = await channel([m.carol]);
    m.bridge.cut.add(A);
    expect(await claim(m.carol, await word(id, C, m.carol, mandate))).toMatchObject({ home_node: C });
    m.bridge.join();
    const other = await channel([m.bob, m.carol]);
    m.bridge.cut.add(A);
    const proposal = await word(other.id, B, m.bob, other.mandate);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    // Whoever submits signs anew; what the other has signed stays good.
    const later = await word(other.id, B, m.bob, other.mandate);
    const consents = [consentOf(m.carol, proposal, yesterday)];
    expect(await claim(m.bob, { ...later, consents })).toMatchObject({ home_node: B });
  });

  it('stay where they are without enough of them, by strangers, by forged signatures, and while the home answers', async () => {
    const { id, mandate } = await channel([m.bob, m.carol, dora]);
    const ofAnother = { ...mandate, channel_id: (await m.channel()).id };
    const wrong = (reason: string) => ({ code: 'FEDERATION_ERROR', details: expect.objectContaining({ reason }) });
    const proposal = await word(id, B, m.bob, mandate);
    const good = [consentOf(m.carol, proposal)];
    expect(await refusalOf(claim(m.bob, { ...proposal, consents: good }))).toMatchObject({
      details: { reason: 'home_answers' },
    });
    m.bridge.cut.add(A);
    expect(await refusalOf(claim(m.bob, proposal))).toEqual(wrong('quorum'));
    expect(await refusalOf(claim(m.bob, { ...proposal, consents: [consentOf(m.bob, proposal)] }))).toEqual(
      wrong('quorum'),
    );
    const elsewhere = consentOf(m.carol, { ...proposal, to_node: C });
    const otherEnd = consentOf(m.carol, { ...proposal, last_seq: 1 });
    const inHisName = { ...consentOf(dora, proposal), author: m.carol.userId };
    const unknownDevice = { ...consentOf(m.carol, proposal), device: dora.device };
    for (const forged of [elsewhere, otherEnd, inHisName, unknownDevice])
      expect(await refusalOf(claim(m.bob, { ...proposal, consents: [forged] }))).toEqual(wrong('handover_signature'));
    const eve = person('eve', C);
    m.bridge.know(eve);
    const byEve = { ...proposal, consents: [consentOf(eve, proposal)] };
    expect(await refusalOf(claim(m.bob, byEve))).toEqual(wrong('handover_author'));
    const byBob = mandateOf(m.bob, id, [m.bob], 2);
    expect(await refusalOf(claim(m.bob, await word(id, B, m.bob, byBob)))).toEqual(wrong('handover_author'));
    // In the owner's name, but not by his key.
    const forged = { ...byBob, author: m.alice.userId, device: m.alice.device };
    expect(await refusalOf(claim(m.bob, await word(id, B, m.bob, forged)))).toEqual(wrong('handover_signature'));
    expect(await refusalOf(claim(m.bob, await word(id, B, m.bob, ofAnother)))).toEqual(wrong('handover_author'));
    const longAgo = new Date(Date.now() - (CONSENT_DAYS + 1) * 86_400_000).toISOString();
    const late = { ...proposal, consents: [consentOf(m.carol, proposal, longAgo)] };
    expect(await refusalOf(claim(m.bob, late))).toEqual(wrong('consent_time'));
    // Nobody speaks for the admin of another node.
    const body = { step: 'claim', channel_id: id, handovers: [{ handover: { ...proposal, consents: good } }] };
    expect(await refusalOf(m.bridge.ask(A, B, 'channel_handover', body))).toEqual(wrong('foreign_user'));
    for (const node of [B, C]) expect(await m.kept(id, node)).toMatchObject({ home_node: A, home_epoch: 1 });
    expect(await claim(m.bob, { ...proposal, consents: good })).toMatchObject({ home_node: B });
  });

  it('go by the last mandate that the log tells, and by no admin who has left', async () => {
    const { id, mandate } = await channel([m.bob, dora]);
    const next = mandateOf(m.alice, id, [m.carol, dora], 2);
    await appoint(m, next);
    await known(id, next, m.bob, m.carol);
    await m.at(C).leave(dora, id);
    m.bridge.cut.add(A);
    const old = await word(id, B, m.bob, mandate);
    expect(await refusalOf(claim(m.bob, { ...old, consents: [consentOf(dora, old)] }))).toMatchObject({
      code: 'FEDERATION_ERROR',
      details: { reason: 'old_mandate', serial: 2 },
    });
    const proposal = await word(id, C, m.carol, next);
    expect(await refusalOf(claim(m.carol, { ...proposal, consents: [consentOf(dora, proposal)] }))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'not_a_member', user_id: dora.userId },
    });
  });

  it('are followed by no node that knows a later mandate, and no lie about one stops anybody', async () => {
    const { id, mandate } = await channel([m.bob]);
    m.bridge.stalled.add(B);
    const next = mandateOf(m.alice, id, [m.carol], 2);
    await appoint(m, next);
    await eventually(async () => expect(await mandateAt(id, m.carol)).toEqual(next), 20_000);
    m.bridge.cut.add(A);
    // The new home has not heard that the owner trusts somebody else; whoever asks is told by those who have.
    expect((await survey(id, m.bob)).mandate).toEqual(next);
    await claim(m.bob, await word(id, B, m.bob, mandate));
    const records = (await m.home(id, m.bob)).handovers;
    const told = { step: 'told', channel_id: id, handovers: records };
    expect(await refusalOf(m.bridge.ask(B, C, 'channel_handover', told))).toMatchObject({
      details: { reason: 'old_mandate' },
    });
    expect(await m.kept(id, C)).toMatchObject({ home_node: A });
    m.bridge.join();
    const honest = await channel([m.carol]);
    const own = mandateOf(m.bob, honest.id, [m.bob], 10);
    const store = 'update channel.mandates set serial = $2, mandate = $3 where channel_id = $1';
    await m.at(B).admin.query(store, [honest.id, 10, JSON.stringify(own)]);
    expect((await survey(honest.id, m.carol)).mandate).toEqual(honest.mandate);
    // What a home puts into the log in the owner's place is kept nowhere.
    const poisoned = await channel([m.bob]);
    const poison = { ...mandateOf(m.bob, poisoned.id, [], 9), author: m.alice.userId, device: m.alice.device };
    const [last] = (await m.log(poisoned.id, A)).slice(-1) as [Entry];
    const [head, lieId] = [last.seq, newId()];
    const body = JSON.parse(last.body) as { content: { details: object } };
    const lying = { ...body, id: lieId, content: { ...body.content, details: { mandate: poison } } };
    const entry = {
      ...last,
      type: 'system',
      received_at: new Date().toISOString(),
      seq: head + 1,
      id: lieId,
      body: canonicalJson(lying),
    };
    for (const node of [B, C]) {
      await m.bridge.ask(
        A,
        node,
        'entries',
        ordered({ channel_id: poisoned.id, name: poisoned.name, entries: [entry] }),
      );
      expect(await m.kept(poisoned.id, node)).toMatchObject({ last_seq: String(head + 1) });
    }
    for (const who of [m.bob, m.carol]) expect(await mandateAt(poisoned.id, who)).toEqual(poisoned.mandate);
    const lied = await channel([m.bob]);
    const lie = { ...mandateOf(m.bob, lied.id, [], 9), author: m.alice.userId, device: m.alice.device };
    for (const node of [B, C]) await m.at(node).admin.query(store, [lied.id, 9, JSON.stringify(lie)]);
    m.bridge.cut.add(A);
    expect((await survey(lied.id, m.bob)).mandate).toEqual(lie);
    expect(await claim(m.bob, await word(lied.id, B, m.bob, lied.mandate))).toMatchObject({ home_node: B });
    okOf(await m.post(m.carol, lied.id, 'c1'));
    await m.settled(lied.id, B, [B, C]);
  });

  it('have the mandate that their owner signed last, wherever he and they are, and nobody else’s', async () => {
    const { id } = await m.channel();
    await m.move(id, B);
    await m.settled(id, B);
    const first = mandateOf(m.alice, id, [m.bob]);
    // By the owner's node to the home.
    expect(await appoint(m, first)).toMatchObject({ changed: true });
    await known(id, first, m.alice, m.bob, m.carol);
    const conflict = { code: 'CONFLICT', details: { reason: 'old_mandate', serial: 1 } };
    expect(await refusalOf(appoint(m, mandateOf(m.alice, id, [m.carol])))).toEqual(conflict);
    expect(await refusalOf(appoint(m, mandateOf(m.bob, id, [m.bob], 2), m.bob))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
    });
    const good = mandateOf(m.alice, id, [m.carol], 2);
    const { id: other } = await m.channel();
    for (const bad of [
      { ...good, serial: 3 },
      { ...mandateOf(m.bob, id, [m.bob], 2), author: m.alice.userId, device: m.alice.device },
      mandateOf(m.alice, id, [m.bob], 2, { author: m.bob.userId }),
    ])
      expect(await refusalOf(appoint(m, bad))).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    const session = m.alice.session;
    const elsewhere = m.at(A).bus.request(CHANNEL.update, { session, channel_id: other, mandate: good });
    expect(await refusalOf(elsewhere)).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    await known(id, first, m.alice, m.bob, m.carol);
    expect(await appoint(m, good)).toMatchObject({ changed: true });
    await known(id, good, m.alice, m.bob, m.carol);
  });

  it('tell it to nodes that come later, and a node that comes back begins anew', async () => {
    const { channel_id: id } = await m.at(A).create(m.alice, m.name());
    const mandate = mandateOf(m.alice, id, [m.bob]);
    await appoint(m, mandate);
    const name = (await m.home(id)).name;
    await m.join(m.carol, id, name);
    expect(await mandateAt(id, m.carol)).toEqual(mandate);
    await m.at(C).leave(m.carol, id);
    await eventually(async () => {
      const gone = `select 1 from channel.channels where channel_id = $1 and deleted_at is not null`;
      expect((await m.at(C).admin.query(gone, [id])).rowCount).toBe(1);
    }, 20_000);
    // Also where its home says something else, that the owner has not signed.
    const lie = { ...mandateOf(m.bob, id, [], 9), author: m.alice.userId, device: m.alice.device };
    const told = [id, JSON.stringify(lie)];
    await m.at(A).admin.query('update channel.mandates set serial = 9, mandate = $2 where channel_id = $1', told);
    await m.at(C).admin.query('delete from channel.mandates where channel_id = $1', [id]);
    await m.join(m.carol, id, name);
    expect(await mandateAt(id, m.carol)).toEqual(mandate);
    const outsider = actor('outsider', { node: B });
    m.bridge.know(outsider);
    const asking = m.at(B).bus.request(CHANNEL.home, { channel_id: id, user_id: outsider.userId });
    expect(await refusalOf(asking)).toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
  });

  it('are joined afterwards from nodes that never heard of their owner, by the key that made the channel', async () => {
    const saved = async (made: Person, unseen: Person[], admin = m.bob, maker = made) => {
      m.bridge.know(made, admin);
      m.bridge.unseen.set(C, new Set(unseen.map(({ userId }) => userId)));
      const name = m.name();
      const genesis = { encryption: 'node' as const, visibility: 'public' as const };
      const request = creation(m.at(A), maker, name, genesis, () => undefined);
      const { channel_id: id } = await m.at(A).bus.request(CHANNEL.create, request);
      await m.join(admin, id, name);
      const mandate = mandateOf(made, id, [admin]);
      await appoint(m, mandate, made);
      m.bridge.cut.add(A);
      await claim(admin, await word(id, B, admin, mandate));
      return { id, name };
    };
    const anna = person('anna', A);
    const { id, name } = await saved(anna, [anna]);
    await m.join(m.carol, id, name, B);
    okOf(await m.post(m.carol, id, 'hello'));
    expect(await texts(id, B)).toContain('hello');
    m.bridge.join();
    // Of whoever else has signed his own log is asked for, as ever.
    const [ella, ben] = [person('ella', A), person('ben', B)];
    const other = await saved(ella, [ella, ben], ben);
    expect(await refusalOf(m.join(m.carol, other.id, other.name, B))).toMatchObject({
      code: 'NODE_UNREACHABLE',
      details: { reason: 'device_log', user_id: ben.userId },
    });
    m.bridge.join();
    // Signed by another device than the one that made the channel: whose that is nobody can say there.
    const [hans, laptop] = [person('hans', A), person('laptop', A)];
    const maker = { ...laptop, userId: hans.userId, session: { ...laptop.session, user_id: hans.userId } };
    const third = await saved(hans, [hans], m.bob, maker);
    expect(await refusalOf(m.join(m.carol, third.id, third.name, B))).toMatchObject({
      code: 'NODE_UNREACHABLE',
      details: { reason: 'device_log', user_id: hans.userId },
    });
    m.bridge.unseen.clear();
    await m.join(m.carol, third.id, third.name, B);
  });

  it('keep a mandate that cannot be checked now, and check it when it is used', async () => {
    const [hans, laptop] = [person('hans', A), person('laptop', A)];
    const maker = { ...laptop, userId: hans.userId, session: { ...laptop.session, user_id: hans.userId } };
    m.bridge.know(hans);
    m.bridge.unseen.set(C, new Set([hans.userId]));
    const name = m.name();
    const request = creation(m.at(A), maker, name, { encryption: 'node', visibility: 'public' }, () => undefined);
    const { channel_id: id } = await m.at(A).bus.request(CHANNEL.create, request);
    await m.join(dora, id, name);
    const mandate = mandateOf(hans, id, [dora]);
    await appoint(m, mandate, hans);
    await known(id, mandate, dora);
    m.bridge.cut.add(A);
    const words = await word(id, C, dora, mandate);
    expect(await refusalOf(claim(dora, words))).toMatchObject({ details: { reason: 'device_log' } });
    m.bridge.unseen.clear();
    expect(await claim(dora, words)).toMatchObject({ home_node: C });
  });

  it('encrypted ones too, whose mandate is a link of the state chain', async () => {
    const sealed = await SealedChannel.create(m.at(A), m.alice, m.name(), { visibility: 'private' });
    for (const who of [m.bob, m.carol]) {
      await sealed.invite(m.alice, who);
      await eventually(async () => {
        const { invitations } = await m.at(nodeOf(who)).bus.request(CHANNEL.invitations, { user_id: who.userId });
        expect(invitations.map(({ channel_id }) => channel_id)).toContain(sealed.id);
      }, 20_000);
      const entry = sealed.entry(who, 'user_joined', who.userId, { identity_key: who.identityKey });
      const change = { session: who.session, channel_id: sealed.id, entry };
      const { state_head, epoch } = await m.at(nodeOf(who)).bus.request(CHANNEL.changeState, change);
      [sealed.head, sealed.epoch] = [state_head, epoch];
    }
    const mandate = mandateOf(m.alice, sealed.id, [m.bob, m.carol], 2);
    await sealed.change(m.alice, 'settings_changed', '#x', { mandate });
    await known(sealed.id, mandate, m.bob, m.carol);
    // An older one that comes later is an entry as any other, and changes nothing.
    await sealed.change(m.alice, 'settings_changed', '#x', { mandate: mandateOf(m.alice, sealed.id, [m.carol], 1) });
    await m.settled(sealed.id, A);
    await known(sealed.id, mandate, m.alice, m.bob, m.carol);
    const bad = sealed.entry(m.alice, 'settings_changed', '#x', { mandate: { ...mandate, author: m.bob.userId } });
    expect(await refusalOf(sealed.submit(m.alice, bad))).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    const byBob = sealed.entry(m.bob, 'settings_changed', '#x', { mandate });
    expect(await refusalOf(sealed.submit(m.bob, byBob))).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
    m.bridge.cut.add(A);
    const proposal = await word(sealed.id, C, m.bob, mandate);
    const home = await claim(m.bob, { ...proposal, consents: [consentOf(m.carol, proposal)] });
    expect(home).toMatchObject({ home_node: C, home_epoch: 2 });
  });
});
