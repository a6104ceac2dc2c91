import { CHANNEL, type InvitationChanged, type StatePage } from '@dcp/contracts';
import { dmName, type Genesis, type SystemAction } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ordered } from './support/bridge.js';
import { Nodes } from './support/nodes.js';
import { errorOf, okOf, refusalOf } from './support/results.js';
import {
  creation,
  founders,
  groupName,
  hashOf,
  inviteLink,
  person,
  type Person,
  SealedChannel,
  sealedPost,
  stateEntry,
} from './support/sealed.js';
import type { SignedForm } from './support/actor.js';

const A = 'a7f3k9m2';
const B = 'b8x1n5p4';

/** What a commit keeps beside the log, in an order of its own. */
const FACTS = [
  `select state_head, epoch, last_seq, member_count, title, description, encryption, visibility, genesis, genesis_signature, creator
   from channel.channels where channel_id = $1`,
  'select * from channel.members where channel_id = $1 order by user_id',
  'select user_id, identity_key, invited_by from channel.invitations where channel_id = $1 order by user_id',
  'select user_id, banned_by from channel.bans where channel_id = $1 order by user_id',
  'select key, expires_at from channel.invite_links where channel_id = $1 order by key',
];

describe('e2ee channels and DMs across two nodes', () => {
  let nodes: Nodes;
  let alice: Person;
  let carol: Person;
  let bob: Person;
  let ben: Person;
  let drawn = 0;

  beforeAll(async () => {
    nodes = await Nodes.open();
    [alice, carol] = [person('alice'), person('carol')];
    [bob, ben] = [person('bob', B), person('ben', B)];
    nodes.bridge.know(alice, carol, bob, ben);
  });
  afterAll(() => nodes.close());

  const make = (visibility: Genesis['visibility'] = 'private') =>
    SealedChannel.create(nodes.home, alice, `#far-${++drawn}`, { visibility });
  const stateAt = (who: Person, channel_id: string, link?: { key: string; proof: string }): Promise<StatePage> =>
    nodes.away.bus.request(CHANNEL.state, { channel_id, user_id: who.userId, after: 0, link });
  /** What a client of the other node does: it reads the chain, signs upon it, and sends the entry to its own node. */
  const change = async (
    who: Person,
    id: string,
    action: SystemAction,
    target = who.userId,
    details: object = {},
    link?: { key: string; proof: string },
  ) => {
    const { state_head } = await stateAt(who, id, link);
    const entry = stateEntry(who, id, state_head, action, { target, details: details as Record<string, unknown> });
    return nodes.away.bus.request(CHANNEL.changeState, { session: who.session, channel_id: id, entry });
  };
  const join = (who: Person, id: string, link?: { key: string; proof: string }) =>
    change(who, id, 'user_joined', who.userId, { identity_key: who.identityKey, ...(link && { link }) }, link);
  const resolve = (who: Person, name: string) => nodes.away.bus.request(CHANNEL.resolve, { name, user_id: who.userId });
  const invitationsOf = async (who: Person) =>
    (await nodes.away.bus.request(CHANNEL.invitations, { user_id: who.userId })).invitations;
  /** Everything that a channel's state is, is the same at both nodes. */
  const sameState = (id: string) =>
    eventually(async () => {
      await nodes.bridge.feed();
      const read = async (world: typeof nodes.home) => {
        const all = FACTS.map((query) => world.admin.query(query, [id]));
        return (await Promise.all(all)).map(({ rows }) => rows);
      };
      expect(await read(nodes.away)).toEqual(await read(nodes.home));
    });
  const invited = async (channel: SealedChannel, who: Person) => {
    await channel.invite(alice, who);
    await eventually(async () =>
      expect(await invitationsOf(who)).toContainEqual(expect.objectContaining({ channel_id: channel.id })),
    );
  };
  const admit = async (channel: SealedChannel, who: Person) => {
    await invited(channel, who);
    await join(who, channel.id);
  };

  it('[DCP-9.2-02] an invitation reaches the other node, and its user joins, reads and writes', async () => {
    const channel = await make();
    const heard: InvitationChanged[] = nodes.invitations;
    await invited(channel, bob);
    const name = `#far-${drawn}@${A}`;
    expect(await invitationsOf(bob)).toContainEqual(
      expect.objectContaining({ channel_id: channel.id, name, invited_by: alice.userId }),
    );
    await eventually(() =>
      expect(heard).toContainEqual({
        user_id: bob.userId,
        channel_id: channel.id,
        name,
        by: alice.userId,
        change: 'invited',
      }),
    );
    expect(await resolve(bob, name)).toMatchObject({
      channel_id: channel.id,
      visibility: 'private',
      encryption: 'e2ee',
    });
    expect(await refusalOf(resolve(ben, name))).toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
    expect(await join(bob, channel.id)).toMatchObject({ seq: 3, changed: true, name, visibility: 'private' });
    expect((await invitationsOf(bob)).map(({ channel_id }) => channel_id)).not.toContain(channel.id);
    expect(okOf(await nodes.away.postOne(sealedPost(bob, channel.id, 0)))).toMatchObject({ seq: 4, state: 'ordered' });
    const kept = await nodes.sameLog(channel.id);
    expect(kept.map(({ seq }) => seq)).toEqual([3, 4]);
    await sameState(channel.id);
  });

  it('[DCP-9.2-02] whoever is not invited learns nothing of a private channel at the other node', async () => {
    const channel = await make();
    await admit(channel, bob);
    const id = channel.id;
    const notFound = { code: 'CHANNEL_NOT_FOUND', details: {} };
    expect(await resolve(ben, `${id}@${A}`)).toMatchObject({ channel_id: id });
    const asked = [
      stateAt(ben, id),
      nodes.away.bus.request(CHANNEL.history, { channel_id: id, user_id: ben.userId, limit: 5 }),
      nodes.away.bus.request(CHANNEL.membership, { channel_id: id, user_id: ben.userId }),
      nodes.bridge.ask(B, A, 'channel_state', { channel_id: id, user_id: ben.userId, after: 0 }),
      nodes.bridge.ask('c9c9c9c9', A, 'channel_state', { channel_id: id, user_id: 'c9c9c9c9', after: 0 }),
      nodes.bridge.ask('c9c9c9c9', A, 'channel_history', { channel_id: id, user_id: 'c9c9c9c9', limit: 5 }),
    ];
    for (const refusal of await Promise.all(asked.map(refusalOf))) expect(refusal).toEqual(notFound);
    const info = await nodes.bridge.ask('c9c9c9c9', A, 'channel_info', { channel: id, user_id: 'c9c9c9c9.eve' });
    expect(info).toMatchObject({
      standing: 'none',
      name: `#${id}`,
      title: '',
      genesis: null,
      last_seq: 0,
      member_count: 0,
    });
    expect(errorOf(await nodes.away.postOne(sealedPost(ben, id, 0)))).toMatchObject(notFound);
  });

  it('an invite link lets a user of the other node in, with a hint to the home', async () => {
    const channel = await make();
    const link = inviteLink();
    await channel.change(alice, 'link_created', alice.userId, { key: link.key, expires: link.expires(7) });
    expect(await resolve(ben, `${channel.id}@${A}`)).toMatchObject({ channel_id: channel.id, visibility: 'private' });
    expect(await refusalOf(stateAt(ben, channel.id))).toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
    expect(await join(ben, channel.id, link.shown(channel.id, ben.userId))).toMatchObject({ changed: true });
    await sameState(channel.id);
    const { rows } = await nodes.away.admin.query('select key from channel.invite_links where channel_id = $1', [
      channel.id,
    ]);
    expect(rows).toEqual([{ key: link.key }]);
  });

  it('a public channel is joined with a signed entry; a stale one is told so, and the replica holds the whole chain', async () => {
    const channel = await make('public');
    const { channel_id: id } = await resolve(bob, `#far-${drawn}@${A}`);
    await channel.change(alice, 'settings_changed', alice.userId, { name: 'Far away' });
    const stale = stateEntry(bob, id, null, 'user_joined', { details: { identity_key: bob.identityKey } });
    const sent = nodes.away.bus.request(CHANNEL.changeState, { session: bob.session, channel_id: id, entry: stale });
    expect(await refusalOf(sent)).toMatchObject({ code: 'CONFLICT', details: { reason: 'stale_state' } });
    await join(bob, id);
    nodes.bridge.up = false;
    const page = await stateAt(bob, id);
    nodes.bridge.up = true;
    expect(page.entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(page.genesis).toMatchObject({ creator: alice.userId });
    expect(page.state_head).toBe(hashOf(JSON.parse(page.entries.at(-1)?.body ?? '{}') as SignedForm));
    expect(await resolve(bob, `#far-${drawn}@${A}`)).toMatchObject({ title: 'Far away', member_count: 2 });
  });

  it('a state entry that is sent again gets its first answer', async () => {
    const channel = await make('public');
    await resolve(bob, `${channel.id}@${A}`);
    const entry = stateEntry(bob, channel.id, channel.head, 'user_joined', {
      details: { identity_key: bob.identityKey },
    });
    const request = { session: bob.session, channel_id: channel.id, entry };
    nodes.bridge.loseAnswer = 'channel_change';
    expect(await refusalOf(nodes.away.bus.request(CHANNEL.changeState, request))).toMatchObject({
      code: 'NODE_UNREACHABLE',
    });
    expect(await nodes.away.bus.request(CHANNEL.changeState, request)).toMatchObject({ seq: 2, changed: false });
    okOf(await nodes.away.postOne(sealedPost(bob, channel.id, 0)));
    expect((await nodes.sameLog(channel.id)).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it('members of both nodes invite and leave, and a removal is heard where the removed one is', async () => {
    const channel = await make();
    await admit(channel, bob);
    expect(await change(bob, channel.id, 'user_invited', ben.userId, { identity_key: ben.identityKey })).toMatchObject({
      changed: true,
    });
    expect(await join(ben, channel.id)).toMatchObject({ changed: true });
    await sameState(channel.id);
    await change(bob, channel.id, 'user_left');
    await sameState(channel.id);
    const { state_head, epoch } = await stateAt(ben, channel.id);
    expect(epoch).toBe(1);
    channel.head = state_head;
    expect(await refusalOf(change(ben, channel.id, 'user_removed', alice.userId))).toMatchObject({
      details: { reason: 'not_the_owner' },
    });
    await channel.change(alice, 'user_removed', ben.userId);
    await eventually(async () => {
      await nodes.bridge.feed();
      expect(nodes.away.changes).toContainEqual(
        expect.objectContaining({ user_id: ben.userId, channel_id: channel.id, change: 'left' }),
      );
    });
    expect(errorOf(await nodes.away.postOne(sealedPost(ben, channel.id, 2)))).toMatchObject({
      code: 'CHANNEL_NOT_FOUND',
    });
    expect(await refusalOf(stateAt(ben, channel.id))).toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
    okOf(await channel.post(alice));
    await nodes.bridge.feed();
    const { channels } = await nodes.bridge.audience(A, { channel_id: channel.id });
    expect(channels[0]?.nodes).toEqual([{ node_id: B, since: 3, until: expect.any(Number) }]);
  });

  it('a ban across nodes keeps its user out', async () => {
    const channel = await make('public');
    await resolve(bob, `${channel.id}@${A}`);
    await join(bob, channel.id);
    await resolve(ben, `${channel.id}@${A}`);
    await join(ben, channel.id);
    channel.head = (await stateAt(bob, channel.id)).state_head;
    await channel.change(alice, 'user_banned', ben.userId);
    await sameState(channel.id);
    expect(await refusalOf(join(ben, channel.id))).toMatchObject({ details: { reason: 'banned' } });
    expect(errorOf(await nodes.away.postOne(sealedPost(ben, channel.id, 1)))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
    });
    okOf(await nodes.away.postOne(sealedPost(bob, channel.id, 1)));
  });

  it('posts of an older key epoch are refused to users of the other node as to those of this one', async () => {
    const channel = await make();
    await admit(channel, bob);
    channel.head = (await stateAt(bob, channel.id)).state_head;
    await channel.admit(alice, carol);
    await channel.change(alice, 'user_removed', carol.userId);
    expect(errorOf(await nodes.away.postOne(sealedPost(bob, channel.id, 0)))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'stale_epoch', epoch: 1 },
    });
  });

  describe('[DCP-9.2-04] DMs', () => {
    const open = (from: Person, to: Person) =>
      (from.userId.startsWith(A) ? nodes.home : nodes.away).bus.request(CHANNEL.openDm, {
        session: from.session,
        user_id: to.userId,
      });

    it.each([
      ['of the node that orders it', () => [alice, bob] as const],
      ['of the other node', () => [ben, carol] as const],
    ])('opened by a user %s it is one conversation with one order', async (_whose, people) => {
      const [from, to] = people();
      const made = await open(from, to);
      expect(made).toMatchObject({ changed: true, visibility: 'dm', name: dmName(from.userId, to.userId), seq: 0 });
      expect(await open(to, from)).toMatchObject({ channel_id: made.channel_id, changed: false });
      const worldOf = (who: Person) => (who.userId.startsWith(A) ? nodes.home : nodes.away);
      for (const who of [from, to, from, to]) okOf(await worldOf(who).postOne(sealedPost(who, made.channel_id, 0)));
      const kept = await nodes.sameLog(made.channel_id);
      expect(kept.map(({ seq, author }) => [seq, author])).toEqual(
        [from, to, from, to].map((who, i) => [i + 1, who.userId]),
      );
      for (const who of [from, to]) {
        const page = { channel_id: made.channel_id, user_id: who.userId, limit: 10 };
        expect((await worldOf(who).bus.request(CHANNEL.history, page)).entries).toHaveLength(4);
        const { memberships } = await worldOf(who).bus.request(CHANNEL.memberships, { user_id: who.userId });
        expect(memberships).toContainEqual(expect.objectContaining({ channel_id: made.channel_id, visibility: 'dm' }));
      }
    });

    it('opened by both at the same moment it is one', async () => {
      const [dan, dora] = [person('dan'), person('dora', B)];
      nodes.bridge.know(dan, dora);
      const [one, other] = await Promise.all([open(dan, dora), open(dora, dan)]);
      expect(one.channel_id).toBe(other.channel_id);
      okOf(await nodes.home.postOne(sealedPost(dan, one.channel_id, 0)));
      okOf(await nodes.away.postOne(sealedPost(dora, one.channel_id, 0)));
      expect(await nodes.sameLog(one.channel_id)).toHaveLength(2);
    });

    it('are not opened with whoever takes none, has blocked the asker, or does not exist, and for nodes that nobody knows only after acceptance', async () => {
      const [quiet, blocking, ada] = [person('quiet', B), person('blocking', B), person('ada')];
      nodes.bridge.know(quiet, blocking, ada);
      nodes.bridge.settings.set(quiet.userId, { allow_direct_messages: false, blocked_users: [] });
      nodes.bridge.settings.set(blocking.userId, { allow_direct_messages: true, blocked_users: [ada.userId] });
      for (const one of [quiet, blocking]) {
        expect(await refusalOf(open(ada, one))).toMatchObject({ details: { reason: 'direct_messages_off' } });
      }
      expect(await refusalOf(open(ada, person('nobody', B)))).toMatchObject({ code: 'USER_NOT_FOUND' });
      nodes.bridge.trust = 'unknown';
      expect(await refusalOf(open(ada, bob))).toMatchObject({ details: { reason: 'acceptance_required' } });
      nodes.bridge.trust = 'monitored';
      const { memberships } = await nodes.home.bus.request(CHANNEL.memberships, { user_id: ada.userId });
      expect(memberships).toEqual([]);
    });
  });

  it('[DCP-9.2-06] a group DM with members of the other node begins there with what its home sends', async () => {
    const genesis = { visibility: 'group' as const, members: founders(alice, bob, ben) };
    const made = await nodes.home.bus.request(CHANNEL.create, creation(nodes.home, alice, groupName(), genesis));
    const id = made.channel_id;
    await eventually(async () => {
      await nodes.bridge.feed();
      const { memberships } = await nodes.away.bus.request(CHANNEL.memberships, { user_id: bob.userId });
      expect(memberships).toContainEqual(
        expect.objectContaining({ channel_id: id, name: `${made.name}@${A}`, role: 'member' }),
      );
    });
    okOf(await nodes.away.postOne(sealedPost(ben, id, 0)));
    expect((await nodes.sameLog(id)).map(({ seq }) => seq)).toEqual([1, 2]);
    await sameState(id);
  });

  it('a group DM leaves out whoever takes none, and is refused where nobody of the node does', async () => {
    const [quiet, open] = [person('quiet', B), person('open', B)];
    nodes.bridge.know(quiet, open);
    nodes.bridge.settings.set(quiet.userId, { allow_direct_messages: false, blocked_users: [] });
    const group = (...people: Person[]) => ({ visibility: 'group' as const, members: founders(alice, ...people) });
    const create = (...people: Person[]) =>
      nodes.home.bus.request(CHANNEL.create, creation(nodes.home, alice, groupName(), group(...people)));
    const both = await create(quiet, open);
    await eventually(async () => {
      await nodes.bridge.feed();
      const asked = { channel_id: both.channel_id, user_id: open.userId, limit: 9 };
      const { members } = await nodes.away.bus.request(CHANNEL.members, asked);
      expect(members.map(({ user_id }) => user_id)).toEqual([alice.userId, open.userId]);
    });
    const asked = { channel_id: both.channel_id, user_id: alice.userId, limit: 9 };
    const { members } = await nodes.home.bus.request(CHANNEL.members, asked);
    expect(members.map(({ user_id }) => user_id)).toEqual([alice.userId, open.userId]);
    const alone = await create(quiet);
    const entries = await nodes.home.log(alone.channel_id);
    const sent = nodes.bridge.ask(
      A,
      B,
      'entries',
      ordered({ channel_id: alone.channel_id, name: alone.name, entries }),
    );
    expect(await refusalOf(sent)).toMatchObject({ details: { reason: 'direct_messages_off' } });
    expect(await nodes.kept(alone.channel_id)).toEqual([]);
    const { memberships } = await nodes.away.bus.request(CHANNEL.memberships, { user_id: quiet.userId });
    expect(memberships).toEqual([]);
  });
});
