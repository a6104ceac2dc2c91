import { AUTH, CHANNEL, type MemberDevicesChanged } from '@dcp/contracts';
import { toBase32, sha256 } from '@dcp/crypto';
import { dmChannelIdInput, dmName, type Genesis } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectGapless } from './support/log-rules.js';
import { errorOf, okOf, refusalOf } from './support/results.js';
import {
  creation,
  founders,
  groupName,
  person,
  type Person,
  SealedChannel,
  sealedPost,
  stateEntry,
} from './support/sealed.js';
import { BOTH_BUSES, World } from './support/world.js';

const NOT_FOUND = { code: 'CHANNEL_NOT_FOUND', details: {} };

describe.each(BOTH_BUSES)('DMs and group DMs over the %s bus', (kind) => {
  let world: World;
  let alice: Person;
  let bob: Person;
  let eve: Person;

  beforeAll(async () => {
    world = await World.open(kind);
    await Promise.all([world.start(), world.start()]);
    [alice, bob, eve] = [person('alice'), person('bob'), person('eve')];
  });
  afterAll(() => world.close());

  const open = (who: Person, whom: Person) =>
    world.bus.request(CHANNEL.openDm, { session: who.session, user_id: whom.userId });
  const idOf = (a: Person, b: Person) => `ch_${toBase32(sha256(dmChannelIdInput(a.userId, b.userId)))}`;
  const group = (who: Person, people: Person[], changes: Partial<Genesis> = {}, name = groupName()) =>
    creation(world, who, name, { visibility: 'group', members: founders(...people), ...changes });
  const changesOf = (channelId: string) =>
    world.changes
      .filter(({ channel_id }) => channel_id === channelId)
      .map(({ user_id, change }) => `${change} ${user_id}`)
      .sort();

  it('[DCP-9.2-04] [DCP-9.2-05] both sides open one conversation, whose id is made of theirs', async () => {
    const first = await open(alice, bob);
    expect(first).toEqual({
      channel_id: idOf(alice, bob),
      name: dmName(alice.userId, bob.userId),
      seq: 0,
      changed: true,
      encryption: 'e2ee',
      visibility: 'dm',
      state_head: null,
      epoch: 0,
    });
    expect(await open(bob, alice)).toEqual({ ...first, changed: false });
    const { channel_id } = first;
    okOf(await world.postOne(sealedPost(alice, channel_id, 0)));
    okOf(await world.postOne(sealedPost(bob, channel_id, 0)));
    for (const who of [alice, bob]) {
      const page = await world.bus.request(CHANNEL.history, { channel_id, user_id: who.userId, limit: 10 });
      expect(page.entries.map(({ author }) => author)).toEqual([alice.userId, bob.userId]);
      const { memberships } = await world.bus.request(CHANNEL.memberships, { user_id: who.userId });
      expect(memberships).toContainEqual(expect.objectContaining({ channel_id, role: 'member', visibility: 'dm' }));
      const state = await world.bus.request(CHANNEL.state, { channel_id, user_id: who.userId, after: 0 });
      expect(state).toMatchObject({ genesis: null, genesis_signature: null, entries: [], state_head: null, epoch: 0 });
    }
    expectGapless(await world.log(channel_id));
    await eventually(() =>
      expect(changesOf(channel_id)).toEqual([`joined ${alice.userId}`, `joined ${bob.userId}`].sort()),
    );
  });

  it('[DCP-9.2-04] a third user finds nothing, and neither side can leave or change it', async () => {
    const { channel_id } = await open(alice, bob);
    const entry = (who: Person) =>
      stateEntry(who, channel_id, null, 'user_joined', { details: { identity_key: who.identityKey } });
    const change = (who: Person) =>
      world.bus.request(CHANNEL.changeState, { session: who.session, channel_id, entry: entry(who) });
    const asked = [
      world.join(eve, channel_id),
      world.leave(eve, channel_id),
      change(eve),
      world.bus.request(CHANNEL.state, { channel_id, user_id: eve.userId, after: 0 }),
      world.bus.request(CHANNEL.history, { channel_id, user_id: eve.userId, limit: 10 }),
      world.bus.request(CHANNEL.membership, { channel_id, user_id: eve.userId }),
      world.bus.request(CHANNEL.resolve, { name: dmName(alice.userId, bob.userId), user_id: eve.userId }),
    ];
    for (const refusal of await Promise.all(asked.map(refusalOf))) expect(refusal).toEqual(NOT_FOUND);
    expect(errorOf(await world.postOne(sealedPost(eve, channel_id, 0)))).toMatchObject(NOT_FOUND);
    const dm = { code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'dm' } };
    const tried = [world.leave(bob, channel_id), world.join(bob, channel_id), change(bob)];
    for (const refusal of await Promise.all(tried.map(refusalOf))) expect(refusal).toEqual(dm);
  });

  it('opened by both at the same moment on two replicas it is one', async () => {
    for (let round = 0; round < 8; round++) {
      const [one, two] = [person('one'), person('two')];
      const opened = await Promise.all([open(one, two), open(two, one), open(one, two), open(two, one)]);
      expect(new Set(opened.map(({ channel_id }) => channel_id))).toEqual(new Set([idOf(one, two)]));
      expect(opened.filter(({ changed }) => changed)).toHaveLength(1);
      expect((await world.bus.request(CHANNEL.resolve, { name: idOf(one, two) })).member_count).toBe(2);
    }
  });

  it('somebody may write to himself', async () => {
    const { channel_id } = await open(eve, eve);
    expect((await world.bus.request(CHANNEL.resolve, { name: channel_id })).member_count).toBe(1);
    okOf(await world.postOne(sealedPost(eve, channel_id, 0)));
  });

  it('opens nothing for what is no user id', async () => {
    const odd = world.bus.request(CHANNEL.openDm, { session: eve.session, user_id: 'nobody' });
    expect((await refusalOf(odd)).code).toBe('INVALID_MESSAGE_FORMAT');
  });

  it('[DCP-9.2-06] a group DM has its members from the start, under their identity keys', async () => {
    const request = group(alice, [alice, bob, eve]);
    const made = await world.bus.request(CHANNEL.create, request);
    expect(made).toMatchObject({ seq: 1, changed: true, visibility: 'group', encryption: 'e2ee', epoch: 0 });
    const { channel_id } = made;
    const members = await world.bus.request(CHANNEL.members, { channel_id, user_id: bob.userId, limit: 10 });
    expect(new Map(members.members.map(({ user_id, role }) => [user_id, role]))).toEqual(
      new Map([
        [alice.userId, 'owner'],
        [bob.userId, 'member'],
        [eve.userId, 'member'],
      ]),
    );
    const { rows } = await world.admin.query<{ user_id: string; identity_key: string }>(
      'select user_id, identity_key from channel.members where channel_id = $1',
      [channel_id],
    );
    expect(new Map(rows.map((row) => [row.user_id, row.identity_key]))).toEqual(
      new Map([alice, bob, eve].map(({ userId, identityKey }) => [userId, identityKey])),
    );
    for (const who of [alice, bob, eve]) okOf(await world.postOne(sealedPost(who, channel_id, 0)));
    await eventually(() =>
      expect(changesOf(channel_id)).toEqual([alice, bob, eve].map(({ userId }) => `joined ${userId}`).sort()),
    );
    const { channels } = await world.bus.request(CHANNEL.list, { user_id: bob.userId });
    expect(channels.map((channel) => channel.channel_id)).not.toContain(channel_id);
    expect(await world.bus.request(CHANNEL.resolve, { name: request.name, user_id: bob.userId })).toMatchObject({
      channel_id,
    });
    expect(await refusalOf(world.bus.request(CHANNEL.resolve, { name: request.name }))).toEqual(NOT_FOUND);
  });

  it('[DCP-9.2-06] refuses a group whose list or name does not hold', async () => {
    const create = (request: ReturnType<typeof group>) => world.bus.request(CHANNEL.create, request);
    const people = [alice, bob];
    const wrong: [ReturnType<typeof group>, string, string][] = [
      [group(alice, people, {}, '#friends'), 'INVALID_CHANNEL_NAME', 'group_name'],
      [group(alice, people, {}, '#dm/ABCDEFGHIJKL'), 'INVALID_CHANNEL_NAME', 'group_name'],
      [group(alice, [bob, eve]), 'INVALID_MESSAGE_FORMAT', 'without the creator'],
      [group(alice, [alice, bob, bob]), 'INVALID_MESSAGE_FORMAT', 'twice'],
      [group(alice, people, { members: undefined }), 'INVALID_MESSAGE_FORMAT', 'group_members'],
      [group(alice, people, { visibility: 'private' }, '#odd'), 'INVALID_MESSAGE_FORMAT', 'group_members'],
      [group({ ...alice, identityKey: bob.identityKey }, people), 'INSUFFICIENT_PERMISSIONS', 'other_identity_key'],
    ];
    for (const [request, code, reason] of wrong) {
      expect(await refusalOf(create(request))).toMatchObject({ code, details: { reason } });
    }
  });

  it('tells in which e2ee channels a grown device log matters, in chunks', async () => {
    const news: MemberDevicesChanged[] = [];
    world.bus.subscribe(CHANNEL.devicesChanged, (change) => void news.push(change));
    await world.bus.flush();
    const dave = person('dave');
    const { channel_id } = await open(dave, alice);
    await world.join(dave, await world.general());
    await world.admin.query(
      `insert into channel.channels (channel_id, name, home_node, home_epoch, encryption, visibility, title, description,
         genesis, genesis_signature, creator, created_at, last_activity)
       select 'ch_many' || i, '', 'a7f3k9m2', 1, 'e2ee', 'group', '', '', '', '', '', now(), now() from generate_series(1, 600) i`,
    );
    await world.admin.query(
      `insert into channel.members (channel_id, user_id, role, joined_at, joined_seq)
       select 'ch_many' || i, $1, 'member', now(), 1 from generate_series(1, 600) i`,
      [dave.userId],
    );
    const change = { user_id: dave.userId, seq: 2, hash: `sha256:${'0'.repeat(64)}` };
    world.authBus.publish(AUTH.devicesChanged, { ...change, action: 'add', device: dave.device });
    await eventually(() => expect(news.flatMap(({ channels }) => channels)).toHaveLength(601));
    expect(news.map(({ channels }) => channels.length)).toEqual([500, 101]);
    expect(news[0]).toMatchObject(change);
    expect(news.flatMap(({ channels }) => channels)).toContain(channel_id);
    await world.admin.query("delete from channel.channels where channel_id like 'ch_many%'");
    await world.admin.query("delete from channel.members where channel_id like 'ch_many%'");
  });

  it('[DCP-4.3-03] forgetting somebody ends the keys that he has, and his invitations and bans', async () => {
    const [ghost, friend] = [person('ghost'), person('friend')];
    const dm = await open(ghost, friend);
    const channel = await SealedChannel.create(world, friend, `#haunted-${kind === 'nats' ? 1 : 2}`);
    await channel.admit(friend, ghost);
    await channel.invite(ghost, bob);
    const other = await SealedChannel.create(world, friend, `#elsewhere-${kind === 'nats' ? 1 : 2}`);
    await other.invite(friend, ghost);
    const banning = await SealedChannel.create(world, friend, `#banned-${kind === 'nats' ? 1 : 2}`);
    await banning.change(friend, 'user_banned', ghost.userId);
    okOf(await channel.post(ghost));

    expect(await world.forget(ghost.userId)).toMatchObject({ channels: 2 });

    expect(errorOf(await channel.post(ghost))).toMatchObject(NOT_FOUND);
    // The epoch is counted by signed entries: his devices are gone with his account, and with them his keys.
    okOf(await channel.post(friend, 0));
    okOf(await world.postOne(sealedPost(friend, dm.channel_id, 0)));
    const chain = await world.bus.request(CHANNEL.state, { channel_id: channel.id, user_id: friend.userId, after: 0 });
    expect(chain.entries.map(({ author, body }) => [author, body === ''])).toContainEqual([ghost.userId, false]);
    expect(chain.genesis).not.toBeNull();
    const naming = await world.admin.query(
      `select 1 from channel.members where user_id = $1 union all select 1 from channel.bans where $1 in (user_id, banned_by)
       union all select 1 from channel.invitations where $1 in (user_id, invited_by)`,
      [ghost.userId],
    );
    expect(naming.rowCount).toBe(0);
    const { invitations } = await world.bus.request(CHANNEL.invitations, { user_id: bob.userId });
    expect(invitations).toContainEqual(expect.objectContaining({ channel_id: channel.id, invited_by: '' }));
    // Whoever has the name next is somebody else.
    expect(await refusalOf(open(ghost, friend))).toEqual(NOT_FOUND);
    await world.forget(friend.userId);
    expect(await refusalOf(world.bus.request(CHANNEL.resolve, { name: dm.channel_id }))).toEqual(NOT_FOUND);
  });
});
