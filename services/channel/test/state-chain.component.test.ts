import { CHANNEL, type InvitationChanged } from '@dcp/contracts';
import { randomBytes, toBase64 } from '@dcp/crypto';
import { systemClock } from '@dcp/node-kit';
import { MAX_INVITE_LINKS } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type SignedForm } from './support/actor.js';
import { expectGapless } from './support/log-rules.js';
import { errorOf, okOf, refusalOf } from './support/results.js';
import {
  creation,
  hashOf,
  inviteLink,
  person,
  type Person,
  SealedChannel,
  sealedPost,
  stateEntry,
} from './support/sealed.js';
import { BOTH_BUSES, World } from './support/world.js';

const NOT_FOUND = { code: 'CHANNEL_NOT_FOUND', details: {} };
const NOWHERE = `ch_${'a'.repeat(52)}`;

describe.each(BOTH_BUSES)('the state chain over the %s bus', (kind) => {
  let world: World;
  let alice: Person;
  let bob: Person;
  let eve: Person;
  const invitations: InvitationChanged[] = [];
  let drawn = 0;

  beforeAll(async () => {
    world = await World.open(kind);
    await Promise.all([world.start(), world.start()]);
    [alice, bob, eve] = [person('alice'), person('bob'), person('eve')];
    world.bus.subscribe(CHANNEL.invitationChanged, (change) => void invitations.push(change));
    await world.bus.flush();
  });
  afterAll(() => world.close());

  const newName = () => `#sealed-${++drawn}`;
  const privateChannel = () => SealedChannel.create(world, alice, newName());
  const publicChannel = () => SealedChannel.create(world, alice, newName(), { visibility: 'public' });
  const reasonOf = async (request: Promise<unknown>) => (await refusalOf(request)).details['reason'];
  const membershipOf = (who: Person, channel_id: string) =>
    world.bus.request(CHANNEL.membership, { user_id: who.userId, channel_id });

  it('[DCP-9.2-02] a private channel begins with its creator’s entry, and only who is invited gets in', async () => {
    const channel = await privateChannel();
    expect(await membershipOf(alice, channel.id)).toMatchObject({
      role: 'owner',
      encryption: 'e2ee',
      visibility: 'private',
    });
    const [first] = await world.log(channel.id);
    expect(channel.head).toBe(hashOf(JSON.parse(first?.body ?? '{}') as SignedForm));
    await channel.invite(alice, bob);
    const { invitations: open } = await world.bus.request(CHANNEL.invitations, { user_id: bob.userId });
    expect(open).toMatchObject([{ channel_id: channel.id, invited_by: alice.userId }]);
    const joined = await channel.join(bob);
    expect(joined).toMatchObject({ seq: 3, changed: true, encryption: 'e2ee', visibility: 'private', epoch: 0 });
    expect((await world.bus.request(CHANNEL.invitations, { user_id: bob.userId })).invitations).toEqual([]);
    await eventually(() =>
      expect(world.changes).toContainEqual(
        expect.objectContaining({ user_id: bob.userId, channel_id: channel.id, change: 'joined' }),
      ),
    );
    expect(invitations).toContainEqual(
      expect.objectContaining({ user_id: bob.userId, channel_id: channel.id, by: alice.userId, change: 'invited' }),
    );
    const { rows } = await world.admin.query<{ identity_key: string }>(
      'select identity_key from channel.members where channel_id = $1 and user_id = $2',
      [channel.id, bob.userId],
    );
    expect(rows).toEqual([{ identity_key: bob.identityKey }]);
  });

  it('[DCP-9.2-02] a stranger gets one answer for a private channel and for nothing at all', async () => {
    const channel = await privateChannel();
    const link = inviteLink();
    const ask = (channel_id: string) => [
      world.join(eve, channel_id),
      world.leave(eve, channel_id),
      world.bus.request(CHANNEL.update, { session: eve.session, channel_id, title: 'x' }),
      world.bus.request(CHANNEL.changeState, {
        session: eve.session,
        channel_id,
        entry: stateEntry(eve, channel_id, null, 'user_joined', { details: { identity_key: eve.identityKey } }),
      }),
      world.bus.request(CHANNEL.changeState, {
        session: eve.session,
        channel_id,
        entry: stateEntry(eve, channel_id, channel.head, 'user_joined', {
          details: { identity_key: eve.identityKey, link: link.shown(channel_id, eve.userId) },
        }),
      }),
      world.bus.request(CHANNEL.state, { channel_id, user_id: eve.userId, after: 0 }),
      world.bus.request(CHANNEL.state, {
        channel_id,
        user_id: eve.userId,
        after: 0,
        link: link.shown(channel_id, eve.userId),
      }),
      world.bus.request(CHANNEL.history, { channel_id, user_id: eve.userId, limit: 10 }),
      world.bus.request(CHANNEL.range, { channel_id, user_id: eve.userId, after: 0, limit: 10 }),
      world.bus.request(CHANNEL.members, { channel_id, user_id: eve.userId, limit: 10 }),
      membershipOf(eve, channel_id),
    ];
    for (const channelId of [channel.id, NOWHERE]) {
      for (const refusal of await Promise.all(ask(channelId).map(refusalOf))) expect(refusal).toEqual(NOT_FOUND);
      for (const post of [
        sealedPost(eve, channelId, 0),
        sealedPost(eve, channelId, 9),
        { channel_id: channelId, session: eve.session, message: { content: { text: 'x', format: 'plain' } } },
        { channel_id: channelId, session: eve.session, message: { id: 'nonsense' } },
      ]) {
        expect(errorOf(await world.postOne(post))).toMatchObject(NOT_FOUND);
      }
    }
  });

  it('[DCP-9.2-02] the directory and the names do not betray it, nor does a creation', async () => {
    const channel = await privateChannel();
    const name = `#sealed-${drawn}`;
    const { channels } = await world.bus.request(CHANNEL.list, { user_id: alice.userId });
    expect(channels.map(({ channel_id }) => channel_id)).not.toContain(channel.id);
    const resolve = (who?: Person) => world.bus.request(CHANNEL.resolve, { name, user_id: who?.userId });
    expect(await refusalOf(resolve())).toEqual(NOT_FOUND);
    expect(await refusalOf(resolve(eve))).toEqual(NOT_FOUND);
    expect(await resolve(alice)).toMatchObject({ channel_id: channel.id, visibility: 'private', encryption: 'e2ee' });
    await channel.invite(alice, bob);
    expect(await resolve(bob)).toMatchObject({ channel_id: channel.id });
    expect(await world.bus.request(CHANNEL.resolve, { name: channel.id })).toMatchObject({ name });

    const own = await SealedChannel.create(world, eve, name);
    expect(await resolve(eve)).toMatchObject({ channel_id: own.id });
    const sub = await SealedChannel.create(world, bob, `${name}/sub`);
    expect(sub.id).not.toBe(channel.id);
    const open = await SealedChannel.create(world, eve, name, { visibility: 'public' });
    expect(await resolve(alice)).toMatchObject({ channel_id: open.id });
    expect((await refusalOf(SealedChannel.create(world, bob, name))).code).toBe('CHANNEL_EXISTS');
    expect((await refusalOf(SealedChannel.create(world, bob, name, { visibility: 'public' }))).code).toBe(
      'CHANNEL_EXISTS',
    );
  });

  it('says who may and who may not, by the rules that clients check again', async () => {
    const channel = await privateChannel();
    await channel.admit(alice, bob);
    expect(await reasonOf(channel.change(bob, 'user_removed', alice.userId))).toBe('not_the_owner');
    expect(await reasonOf(channel.change(bob, 'user_banned', alice.userId))).toBe('not_the_owner');
    expect(await reasonOf(channel.change(bob, 'settings_changed', '#x', { name: 'Mine' }))).toBe('not_the_owner');
    expect(await reasonOf(channel.change(alice, 'user_removed', alice.userId))).toBe('leave_instead');
    expect(await refusalOf(channel.join(bob))).toEqual({
      code: 'CONFLICT',
      details: { reason: 'already', what: 'user_joined' },
    });
    const carol = person('carol');
    await channel.invite(bob, carol);
    expect(await reasonOf(channel.invite(alice, carol))).toBe('already');
    const imposter = { ...carol, identityKey: eve.identityKey };
    expect(await reasonOf(channel.join(imposter))).toBe('other_identity_key');
    await channel.change(carol, 'invitation_revoked', carol.userId);
    expect(await refusalOf(channel.join(carol))).toEqual(NOT_FOUND);
    await eventually(() =>
      expect(invitations).toContainEqual(expect.objectContaining({ user_id: carol.userId, change: 'revoked' })),
    );
    const settings = await channel.change(alice, 'settings_changed', '#x', { name: 'Ours', description: 'What we do' });
    expect(settings.epoch).toBe(0);
    expect(await world.bus.request(CHANNEL.resolve, { name: channel.id })).toMatchObject({
      title: 'Ours',
      description: 'What we do',
    });
  });

  it('[DCP-9.2-03] whoever holds a living link reads the chain and joins by it', async () => {
    const channel = await privateChannel();
    const [link, other] = [inviteLink(), inviteLink()];
    await channel.change(alice, 'link_created', '#x', { key: link.key, expires: link.expires(7) });
    const carol = person('carol');
    const shown = link.shown(channel.id, carol.userId);
    expect((await channel.state(carol, 0, shown)).state_head).toBe(channel.head);
    expect(await refusalOf(channel.state(carol, 0, link.shown(channel.id, eve.userId)))).toEqual(NOT_FOUND);
    expect(await refusalOf(channel.state(carol, 0, other.shown(channel.id, carol.userId)))).toEqual(NOT_FOUND);
    expect(await reasonOf(channel.join(carol, link.shown(channel.id, eve.userId)))).toBe('link_proof');
    expect(await refusalOf(channel.join(carol, other.shown(channel.id, carol.userId)))).toEqual(NOT_FOUND);
    expect(await channel.join(carol, shown)).toMatchObject({ changed: true });
    await channel.change(alice, 'link_revoked', '#x', { key: link.key });
    const late = link.shown(channel.id, eve.userId);
    expect(await refusalOf(channel.join(eve, late))).toEqual(NOT_FOUND);
    expect(await refusalOf(channel.state(eve, 0, late))).toEqual(NOT_FOUND);
    expect(await reasonOf(channel.change(alice, 'link_revoked', '#x', { key: link.key }))).toBe('already');
  });

  it('[DCP-9.2-03] a link that is over lets nobody in, and links are bounded', async () => {
    const channel = await privateChannel();
    const link = inviteLink();
    await channel.change(alice, 'link_created', '#x', { key: link.key, expires: link.expires(1) });
    await world.admin.query(
      "update channel.invite_links set expires_at = now() - interval '1 s' where channel_id = $1",
      [channel.id],
    );
    expect(await refusalOf(channel.join(eve, link.shown(channel.id, eve.userId)))).toEqual(NOT_FOUND);
    for (const expires of [link.expires(91), link.expires(-1), 'Dec 25, 2099', undefined]) {
      const wrong = channel.change(alice, 'link_created', '#x', { key: inviteLink().key, expires });
      expect((await refusalOf(wrong)).details['path']).toBe('content.details.expires');
    }
    for (let i = 0; i < MAX_INVITE_LINKS; i++) {
      const { key } = inviteLink();
      await channel.change(alice, 'link_created', '#x', { key, expires: link.expires(1) });
    }
    const { rows } = await world.admin.query('select 1 from channel.invite_links where channel_id = $1', [channel.id]);
    expect(rows).toHaveLength(MAX_INVITE_LINKS);
    const more = channel.change(alice, 'link_created', '#x', { key: inviteLink().key, expires: link.expires(1) });
    expect(await reasonOf(more)).toBe('too_many_links');
  });

  it('[DCP-9.3-01] kick and ban end membership, and the keys of before', async () => {
    const channel = await privateChannel();
    const carol = person('carol');
    await channel.admit(alice, bob, carol);
    okOf(await channel.post(bob));
    const removed = await channel.change(alice, 'user_removed', bob.userId);
    expect(removed.epoch).toBe(1);
    expect(errorOf(await channel.post(bob))).toMatchObject(NOT_FOUND);
    expect(errorOf(await channel.post(carol, 0))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'stale_epoch', epoch: 1 },
    });
    expect(errorOf(await channel.post(carol, 2)).details).toEqual({ reason: 'epoch', path: 'encryption.epoch' });
    okOf(await channel.post(carol, 1));
    expect(await refusalOf(channel.state(bob))).toEqual(NOT_FOUND);
    await channel.admit(alice, bob);
    expect((await channel.change(alice, 'user_banned', bob.userId)).epoch).toBe(2);
    expect(await reasonOf(channel.invite(alice, bob))).toBe('banned');
    const link = inviteLink();
    await channel.change(carol, 'link_created', '#x', { key: link.key, expires: link.expires(1) });
    expect(await reasonOf(channel.join(bob, link.shown(channel.id, bob.userId)))).toBe('banned');
    expect(await refusalOf(channel.state(bob, 0, link.shown(channel.id, bob.userId)))).toEqual(NOT_FOUND);
    await channel.change(alice, 'user_unbanned', bob.userId);
    await channel.admit(carol, bob);
    expect((await channel.change(carol, 'user_left')).epoch).toBe(3);
    await eventually(() => {
      const left = world.changes.filter(({ channel_id, change }) => channel_id === channel.id && change === 'left');
      expect(left.map(({ user_id }) => user_id)).toEqual([bob.userId, bob.userId, carol.userId]);
    });
    expectGapless(await world.log(channel.id));
  });

  it('[DCP-9.2-01] a public e2ee channel is open to all, by a signed entry', async () => {
    const channel = await publicChannel();
    expect(await channel.state(eve)).toMatchObject({ visibility: 'public', state_head: channel.head });
    const plain = { code: 'INVALID_MESSAGE_FORMAT', details: { reason: 'signature_required', path: 'entry' } };
    expect(await refusalOf(world.join(eve, channel.id))).toEqual(plain);
    expect(await refusalOf(world.leave(alice, channel.id))).toEqual(plain);
    const update = world.bus.request(CHANNEL.update, { session: alice.session, channel_id: channel.id, title: 'x' });
    expect(await refusalOf(update)).toEqual(plain);
    expect(errorOf(await channel.post(eve)).details['reason']).toBe('not_a_member');
    await channel.join(bob);
    okOf(await channel.post(bob));
    expect((await channel.change(bob, 'user_left')).epoch).toBe(0);
    expect((await channel.change(alice, 'user_banned', bob.userId)).epoch).toBe(1);
    expect(await reasonOf(channel.join(bob))).toBe('banned');
  });

  it('takes no entry that is not what its author’s device signed for this place in this chain', async () => {
    const channel = await privateChannel();
    const details = { identity_key: bob.identityKey };
    const entry = (changes: Record<string, unknown>, who: Person = alice) =>
      stateEntry(who, channel.id, channel.head, 'user_invited', { target: bob.userId, details }, changes);
    const content = { action: 'user_invited', actor: eve.userId, target: bob.userId, details };
    const elsewhere = await privateChannel();
    const wrong: [Record<string, unknown>, string][] = [
      [entry({ content }), 'content.actor'],
      [{ ...entry({}), signature: entry({}).signature }, 'signature'],
      [{ ...entry({}), prev_state: null }, 'signature'],
      [entry({ channel_id: elsewhere.id }), 'channel_id'],
      [entry({ prev_state: 'nonsense' }), 'prev_state'],
      [entry({ type: 'text' }), 'type'],
      [entry({ node: { seq: 1 } }), 'node'],
      [entry({ timestamp: new Date(Date.now() - 3_600_000).toISOString() }), 'timestamp'],
      [
        entry({ encryption: { algorithm: 'chacha20-poly1305', key_id: 'k', nonce: toBase64(randomBytes(12)) } }),
        'encryption.algorithm',
      ],
      [entry({ content: { ...content, actor: alice.userId, target: 'nobody' } }), 'content.target'],
      [entry({ content: { ...content, actor: alice.userId, details: {} } }), 'content.details.identity_key'],
      [
        entry({ content: { ...content, actor: alice.userId, details: { identity_key: 'ed25519:AAAA' } } }),
        'content.details.identity_key',
      ],
    ];
    for (const [hostile, path] of wrong) {
      expect(await refusalOf(channel.submit(alice, hostile))).toMatchObject({
        code: 'INVALID_MESSAGE_FORMAT',
        details: { path },
      });
    }
    const zero = entry({ content: { ...content, actor: alice.userId, details: { ...details, note: 'a\0' } } });
    expect((await refusalOf(channel.submit(alice, zero))).code).toBe('INVALID_MESSAGE_FORMAT');
    const large = entry({
      content: { ...content, actor: alice.userId, details: { ...details, note: 'x'.repeat(66_000) } },
    });
    expect((await refusalOf(channel.submit(alice, large))).code).toBe('MESSAGE_TOO_LARGE');
    expect(await reasonOf(channel.submit(alice, entry({}, eve)))).toBe('foreign_author');
    expect(await reasonOf(channel.submit(alice, entry({ device: bob.device })))).toBe('foreign_device');
    const { session } = alice;
    const identitySession = { session: { ...session, device: null }, channel_id: channel.id, entry: entry({}) };
    expect(await reasonOf(world.bus.request(CHANNEL.changeState, identitySession))).toBe('device_required');
    expect(await reasonOf(channel.submit(alice, entry({ prev_state: `sha256:${'0'.repeat(64)}` })))).toBe(
      'stale_state',
    );
    expect(await world.log(channel.id)).toHaveLength(1);
  });

  it('the same entry again has the same answer, however late; its id for another one is taken', async () => {
    const channel = await privateChannel();
    const entry = channel.entry(alice, 'user_invited', bob.userId, { identity_key: bob.identityKey });
    const first = await channel.submit(alice, entry);
    const repeated = await Promise.all([channel.submit(alice, entry), channel.submit(alice, entry)]);
    expect(repeated).toEqual([first, first].map((one) => ({ ...one, changed: false })));
    const other = stateEntry(
      alice,
      channel.id,
      first.state_head,
      'settings_changed',
      { target: '#x' },
      { id: entry.id },
    );
    expect(await reasonOf(channel.submit(alice, other))).toBe('id_used');
    const late = await world.start({ clock: { ...systemClock, now: () => Date.now() + 3_600_000 } });
    const waits = [1, 2, 3, 4, 5, 6].map(() => channel.submit(alice, entry));
    expect(await Promise.all(waits)).toEqual(waits.map(() => ({ ...first, changed: false })));
    await late.stop();
    const timestamp = new Date(Date.now() - 3_600_000).toISOString();
    const old = stateEntry(alice, channel.id, first.state_head, 'settings_changed', { target: '#x' }, { timestamp });
    expect(await reasonOf(channel.submit(alice, old))).toBe('clock_skew');
  });

  it('of changes at the same moment on two replicas one is made, the others are told the head to rebase on', async () => {
    const channel = await privateChannel();
    const people = Array.from({ length: 8 }, (_, i) => person(`guest-${i}`));
    const attempts = people.map((one) =>
      channel.submit(alice, channel.entry(alice, 'user_invited', one.userId, { identity_key: one.identityKey })),
    );
    const results = await Promise.allSettled(attempts);
    const won = results.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    const head = won[0]?.value.state_head;
    for (const [i, { status }] of results.entries()) {
      if (status === 'fulfilled') continue;
      const refusal = await refusalOf(attempts[i] as Promise<unknown>);
      expect(refusal).toEqual({ code: 'CONFLICT', details: { reason: 'stale_state', state_head: head, epoch: 0 } });
    }
    expect(await world.log(channel.id)).toHaveLength(2);
  });

  it('[DCP-9.3-01] nothing of an older epoch stands behind a removal, however posts and removals race', async () => {
    const channel = await privateChannel();
    const carol = person('carol');
    await channel.admit(alice, bob, carol);
    for (let round = 0; round < 10; round++) {
      const epoch = channel.epoch;
      const posts = Array.from({ length: 12 }, (_, i) => sealedPost([bob, carol][i % 2] as Person, channel.id, epoch));
      const early = posts.slice(0, 6).map((post) => world.postOne(post));
      const removal = channel.change(alice, 'user_removed', bob.userId);
      const late = posts.slice(6).map((post) => world.postOne(post));
      const { seq } = await removal;
      await Promise.all([...early, ...late]);
      const behind = (await world.log(channel.id)).filter((entry) => entry.seq > seq && entry.type !== 'system');
      expect(behind).toEqual([]);
      await channel.admit(alice, bob);
    }
  });

  it('takes sealed messages only where it may not read', async () => {
    const channel = await privateChannel();
    okOf(await channel.post(alice));
    const refused = async (changes: Record<string, unknown>, encryption: Record<string, unknown> = {}) =>
      errorOf(await world.postOne(sealedPost(alice, channel.id, 0, changes, encryption))).details;
    const required = { reason: 'encryption_required', path: 'encryption.algorithm' };
    expect(await refused({}, { algorithm: 'none', nonce: '' })).toEqual(required);
    const plain = {
      channel_id: channel.id,
      session: alice.session,
      message: { content: { text: 'x', format: 'plain' } },
    };
    expect(errorOf(await world.postOne(plain)).details).toEqual(required);
    expect((await refused({}, { nonce: toBase64(randomBytes(11)) }))['path']).toBe('encryption.nonce');
    expect((await refused({}, { device: bob.device }))['path']).toBe('encryption.device');
    expect((await refused({}, { device: undefined }))['path']).toBe('encryption.device');
    expect((await refused({}, { epoch: undefined }))['path']).toBe('encryption.epoch');
    expect((await refused({}, { n: undefined }))['path']).toBe('encryption.n');
    expect((await refused({}, { key_id: undefined }))['path']).toBe('encryption.key_id');
    expect((await refused({ content: { text: 'in the open', format: 'plain' } }))['path']).toBe('content.ciphertext');
    expect((await refused({ content: { ciphertext: 'AAAA', text: 'and this' } }))['path']).toBe('content');
    expect((await refused({ content: { ciphertext: '=.=' } }))['path']).toBe('content.ciphertext');
    expect((await refused({ content: { ciphertext: 'a.b' } }))['path']).toBe('content.ciphertext');
    const post = sealedPost(alice, channel.id, 0);
    const first = okOf(await world.postOne(post));
    await channel.invite(alice, bob);
    expect(okOf(await world.postOne(post))).toEqual(first);
  });

  it('a member who left gets the answer to what he had posted, and nothing else', async () => {
    const channel = await privateChannel();
    await channel.admit(alice, bob);
    const post = sealedPost(bob, channel.id, 0);
    const first = okOf(await world.postOne(post));
    await channel.change(bob, 'user_left');
    expect(okOf(await world.postOne(post))).toEqual(first);
    const other = sealedPost(bob, channel.id, 0, { id: post.message['id'] });
    expect(errorOf(await world.postOne(other))).toMatchObject(NOT_FOUND);
  });

  it('shows the chain page by page, without the messages between, and late members the history', async () => {
    const channel = await privateChannel();
    okOf(await channel.post(alice));
    await channel.admit(alice, bob);
    const page = await channel.state(bob);
    expect(page).toMatchObject({
      visibility: 'private',
      state_head: channel.head,
      epoch: 0,
      last_seq: 4,
      has_more: false,
    });
    expect(page.entries.map(({ seq }) => seq)).toEqual([1, 3, 4]);
    expect(page.genesis?.creator).toBe(alice.userId);
    expect((await channel.state(bob, 1)).entries.map(({ seq }) => seq)).toEqual([3, 4]);
    const { entries } = await world.bus.request(CHANNEL.history, {
      channel_id: channel.id,
      user_id: bob.userId,
      limit: 10,
    });
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    const { rows } = await world.admin.query<{ n: number }>(
      `with made as (
         insert into channel.channel_events
         select channel_id, seq + i * 1000, 'msg_' || i, digest, type, author, device, "timestamp", received_at, body, home_epoch
         from channel.channel_events, generate_series(1, 300) i where channel_id = $1 and seq = 1 returning 1
       ), moved as (update channel.channels set last_seq = 300001 where channel_id = $1 returning 1)
       select count(*)::int as n from made`,
      [channel.id],
    );
    expect(rows[0]?.n).toBe(300);
    const seen = [];
    for (let after = 0; ;) {
      const { entries: some, has_more } = await channel.state(bob, after);
      seen.push(...some);
      after = some.at(-1)?.seq ?? after;
      if (!has_more) break;
    }
    expect(seen).toHaveLength(303);
  });

  it('creates only what the genesis and the entry agree on', async () => {
    const request = creation(world, alice, newName());
    const create = (changes: object) => world.bus.request(CHANNEL.create, { ...request, ...changes });
    expect(await refusalOf(create({ entry: undefined }))).toMatchObject({
      details: { reason: 'signature_required', path: 'entry' },
    });
    const entryOf = (
      who: Person,
      ...[prev, action, details]: [string | null, 'channel_created' | 'user_joined', object]
    ) => stateEntry(who, String(request.entry?.['channel_id']), prev, action, { details: { ...details } });
    const good = { identity_key: alice.identityKey };
    expect((await refusalOf(create({ entry: entryOf(alice, null, 'user_joined', good) }))).details['reason']).toBe(
      'chain_not_begun',
    );
    expect(
      (await refusalOf(create({ entry: entryOf(alice, `sha256:${'0'.repeat(64)}`, 'channel_created', good) }))).details[
        'path'
      ],
    ).toBe('prev_state');
    expect((await refusalOf(create({ entry: entryOf(eve, null, 'channel_created', good) }))).details['reason']).toBe(
      'foreign_author',
    );
    expect((await refusalOf(create({ entry: entryOf(alice, null, 'channel_created', {}) }))).details['path']).toBe(
      'entry.content.details.identity_key',
    );
    expect((await refusalOf(create({ encryption: 'node' }))).details['path']).toBe('genesis.encryption');
    const other = creation(world, alice, request.name);
    expect((await refusalOf(create({ entry: other.entry }))).details['path']).toBe('channel_id');
    const plain = creation(world, alice, newName(), { encryption: 'node' });
    expect((await refusalOf(world.bus.request(CHANNEL.create, plain))).details).toEqual({
      reason: 'e2ee_required',
      path: 'genesis.encryption',
    });
    const reserved = creation(world, alice, '#dm/abc');
    expect((await refusalOf(world.bus.request(CHANNEL.create, reserved))).code).toBe('INVALID_CHANNEL_NAME');
    const made = await create({});
    expect(await Promise.all([create({}), create({})])).toEqual(
      [made, made].map((one) => ({ ...one, changed: false })),
    );
  });

  it('an e2ee channel has a limit of its own', async () => {
    const small = await World.open(kind);
    await small.start({ config: { maxSealedMembers: 2 } });
    const channel = await SealedChannel.create(small, alice, '#small', { visibility: 'public' });
    await channel.join(bob);
    expect(await reasonOf(channel.join(eve))).toBe('channel_full');
    await small.close();
  });

  it('a ban holds in node channels too', async () => {
    const { channel_id } = await world.create(alice, newName());
    const dave = actor('dave');
    await world.admin.query('insert into channel.bans values ($1, $2, $3, now())', [
      channel_id,
      dave.userId,
      alice.userId,
    ]);
    expect(await refusalOf(world.join(dave, channel_id))).toEqual({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'banned' },
    });
    const signed = { session: alice.session, channel_id, entry: stateEntry(alice, channel_id, null, 'user_left') };
    expect(await reasonOf(world.bus.request(CHANNEL.changeState, signed))).toBe('node_channel');
  });
});
