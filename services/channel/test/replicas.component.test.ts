import { CHANNEL } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { ordered } from './support/bridge.js';
import { expectGapless, receivedInOrder } from './support/log-rules.js';
import { Nodes } from './support/nodes.js';
import { errorOf, okOf, refusalOf } from './support/results.js';
import { BOTH_BUSES } from './support/world.js';

const A = 'a7f3k9m2';
const B = 'b8x1n5p4';

describe.each(BOTH_BUSES)('channels in mode node whose home is another node, over the %s bus', (kind) => {
  let nodes: Nodes;
  let alice: Actor;
  let bob: Actor;
  let ben: Actor;
  let drawn = 0;

  beforeAll(async () => {
    nodes = await Nodes.open({}, kind);
    [alice, bob, ben] = [actor('alice'), actor('bob', { node: B }), actor('ben', { node: B })];
    nodes.bridge.know(alice, bob, ben);
  });
  afterAll(() => nodes.close());

  const find = (name: string, who = bob) =>
    nodes.away.bus.request(CHANNEL.resolve, { name: `${name}@${A}`, user_id: who.userId });
  /** A channel of the home with some messages in it. */
  const channel = async (messages = 3) => {
    const name = `#far-${++drawn}`;
    const { channel_id: id } = await nodes.home.create(alice, name);
    for (let i = 0; i < messages; i++) okOf(await nodes.home.postOne(alice.post(id, `before ${i}`)));
    return { id, name };
  };
  const joined = async (messages = 3) => {
    const made = await channel(messages);
    await find(made.name);
    await nodes.away.join(bob, made.id);
    return made;
  };
  const history = (channel_id: string, who = bob, more: { before?: string; after?: number } = {}) =>
    nodes.away.bus.request(CHANNEL.history, { channel_id, user_id: who.userId, limit: 100, ...more });

  it('is found by its name at its node, joined, read and written like any other', async () => {
    const { id, name } = await channel();
    expect(await find(name)).toMatchObject({ channel_id: id, name: `${name}@${A}`, member_count: 1, last_seq: 4 });
    expect(await nodes.away.join(bob, id)).toMatchObject({ seq: 5, changed: true, name: `${name}@${A}` });
    const membership = { user_id: bob.userId, channel_id: id };
    expect(await nodes.away.bus.request(CHANNEL.membership, membership)).toMatchObject({ role: 'member', last_seq: 5 });
    const members = await nodes.away.bus.request(CHANNEL.members, { ...membership, limit: 10 });
    expect(members.members.map(({ user_id, role }) => [user_id, role])).toEqual([
      [alice.userId, 'owner'],
      [bob.userId, 'member'],
    ]);
    const post = bob.post(id, 'from afar');
    expect(okOf(await nodes.away.postOne(post))).toMatchObject({
      seq: 6,
      state: 'ordered',
      message_id: post.message['id'],
    });
    okOf(await nodes.home.postOne(alice.post(id, 'from home')));
    const kept = await nodes.sameLog(id);
    expect(kept.map(({ seq }) => seq)).toEqual([5, 6, 7]);
    await eventually(() => expect(receivedInOrder(nodes.away.heardOf(id))).toEqual(kept));
    expect(nodes.away.changes).toContainEqual(
      expect.objectContaining({ user_id: bob.userId, channel_id: id, change: 'joined' }),
    );
  });

  it('reads what was before its first member from the home, page by page, and nothing of it without it', async () => {
    const { id } = await joined();
    okOf(await nodes.away.postOne(bob.post(id, 'mine')));
    await nodes.sameLog(id);
    const newest = await history(id);
    expect(newest.entries.map(({ seq }) => seq)).toEqual([5, 6]);
    expect(newest.has_more).toBe(true);
    const older = await history(id, bob, { before: newest.entries[0]?.id ?? '' });
    expect(older.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(older.has_more).toBe(false);
    expect((await history(id, bob, { after: 2 })).entries.map(({ seq }) => seq)).toEqual([3, 4, 5, 6]);
    expectGapless(await nodes.away.log(id));
    nodes.bridge.up = false;
    expect((await history(id)).entries.map(({ seq }) => seq)).toEqual([5, 6]);
    expect(await refusalOf(history(id, bob, { after: 0 }))).toMatchObject({ code: 'NODE_UNREACHABLE' });
    nodes.bridge.up = true;
    expect(await nodes.kept(id)).toHaveLength(2);
  });

  it('a second user joins over the same replica, and a plain command is signed by his node', async () => {
    const { id } = await joined();
    expect(await nodes.away.join(ben, id)).toMatchObject({ seq: 6, changed: true });
    expect(await nodes.away.join(ben, id)).toMatchObject({ seq: 6, changed: false });
    const plain = { channel_id: id, session: ben.session, message: { content: { text: 'plain', format: 'plain' } } };
    expect(okOf(await nodes.away.postOne(plain))).toMatchObject({ state: 'ordered', seq: 7 });
    const kept = await nodes.sameLog(id);
    expect(JSON.parse(kept.at(-1)?.body ?? '{}')).toMatchObject({
      author: ben.userId,
      metadata: { signed_by: 'node' },
    });
  });

  it('local and remote posts that race come to one order on both nodes', async () => {
    const { id } = await joined();
    const posts = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0 ? nodes.home.postOne(alice.post(id, `home ${i}`)) : nodes.away.postOne(bob.post(id, `away ${i}`)),
    );
    const acks = (await Promise.all(posts)).map(okOf);
    const kept = await nodes.sameLog(id);
    expect(kept).toHaveLength(41);
    const seqs = new Map(kept.map(({ id: message, seq }) => [message, seq]));
    for (const ack of acks)
      expect(seqs.get(ack.message_id)).toBe(ack.state === 'ordered' ? ack.seq : expect.any(Number));
    expect(new Set(acks.map(({ seq }) => seq)).size).toBe(40);
  });

  it('a batch of both kinds is answered in its order, and the home’s being away holds up no post of this node', async () => {
    const { id } = await joined();
    const general = await nodes.away.general();
    await nodes.away.join(bob, general);
    nodes.bridge.up = false;
    const results = await nodes.away.post(
      bob.post(general, 'one'),
      bob.post(id, 'two'),
      bob.post(general, 'three'),
      bob.post(`ch_${'a'.repeat(52)}`, 'four'),
    );
    expect(results.map((result) => ('ok' in result ? result.ok.state : result.error.code))).toEqual([
      'ordered',
      'queued',
      'ordered',
      'CHANNEL_NOT_FOUND',
    ]);
    nodes.bridge.up = true;
    await eventually(async () => expect(await nodes.queued()).toBe(0), 20_000);
  });

  it('a home that does not answer holds up the posts of this node no longer than its own', async () => {
    const { id } = await joined();
    const general = await nodes.away.general();
    await nodes.away.join(bob, general);
    let go: () => void = () => undefined;
    nodes.bridge.hang = new Promise((resolve) => (go = resolve));
    const began = performance.now();
    const [own, far] = await nodes.away.post(bob.post(general, 'own'), bob.post(id, 'far'));
    expect(okOf(own)).toMatchObject({ state: 'ordered' });
    expect(okOf(far)).toMatchObject({ state: 'queued' });
    // Ten times the wait of a mixed batch; a question waits for ten seconds.
    expect(performance.now() - began).toBeLessThan(1_500);
    go();
    nodes.bridge.hang = undefined;
    await eventually(async () => expect(await nodes.queued()).toBe(0), 20_000);
    expect((await nodes.sameLog(id)).filter(({ author }) => author === bob.userId)).toHaveLength(2);
  });

  it('more than one frame holds is ordered as well, in the order in which it was written', async () => {
    const { id } = await joined();
    const posts = Array.from({ length: 6 }, (_, n) => bob.post(id, `${n} ${'x'.repeat(60_000)}`));
    const answers = (await nodes.away.post(...posts)).map(okOf);
    expect(answers.map(({ state }) => state)).toEqual(Array(6).fill('ordered'));
    const seqs = answers.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  it('a batch that comes many times at once is taken once', async () => {
    const { id, name } = await joined();
    await nodes.sameLog(id);
    nodes.bridge.up = false;
    for (let i = 0; i < 5; i++) okOf(await nodes.home.postOne(alice.post(id, String(i))));
    const batch = { channel_id: id, name, entries: (await nodes.home.log(id)).slice(5) };
    const sent = Array.from({ length: 8 }, () => nodes.bridge.ask(A, B, 'entries', ordered(batch)));
    expect(await Promise.all(sent)).toEqual(sent.map(() => ({ last_seq: 10 })));
    nodes.bridge.up = true;
    expect(await nodes.sameLog(id)).toHaveLength(6);
  });

  it('an answer that got lost is asked for again, and the post stands once', async () => {
    const { id } = await joined();
    const post = bob.post(id, 'once');
    nodes.bridge.loseAnswer = 'channel_post';
    expect(okOf(await nodes.away.postOne(post))).toMatchObject({ state: 'queued', seq: 0 });
    await eventually(async () => expect(await nodes.queued()).toBe(0), 20_000);
    const kept = await nodes.sameLog(id);
    expect(kept.filter(({ author }) => author === bob.userId).map(({ seq }) => seq)).toEqual([5, 6]);
    expect(okOf(await nodes.away.postOne(post))).toMatchObject({ state: 'ordered', seq: 6 });
    const other = { ...post, message: bob.message(id, 'other', { id: post.message['id'] }) };
    expect(errorOf(await nodes.away.postOne(other))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'id_used' },
    });
  });

  it('[DCP-6.4-05] whoever is no member is refused at his node, and at the home when his node lets him through', async () => {
    const { id } = await joined();
    expect(errorOf(await nodes.away.postOne(ben.post(id, 'x')))).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
    const { results } = (await nodes.bridge.ask(B, A, 'channel_post', {
      posts: [{ channel_id: id, message: ben.message(id, 'x') }],
    })) as { results: [{ error: { code: string; details: object } }] };
    expect(results[0].error).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'not_a_member' } });
    expect((await nodes.home.log(id)).some(({ author }) => author === ben.userId)).toBe(false);
  });

  it('a node speaks for its own users only', async () => {
    const { id } = await joined();
    const foreign = { code: 'FEDERATION_ERROR', details: { reason: 'foreign_user' } };
    const asked = [
      nodes.bridge.ask(B, A, 'channel_info', { channel: id, user_id: alice.userId }),
      nodes.bridge.ask(B, A, 'channel_state', { channel_id: id, user_id: alice.userId, after: 0 }),
      nodes.bridge.ask(B, A, 'channel_history', { channel_id: id, user_id: alice.userId, limit: 1 }),
      nodes.bridge.ask(B, A, 'channel_change', { channel_id: id, user_id: alice.userId, change: 'leave' }),
    ];
    for (const refusal of await Promise.all(asked.map(refusalOf))) expect(refusal).toEqual(foreign);
    const posts = [{ channel_id: id, message: alice.message(id, 'x') }];
    const { results } = (await nodes.bridge.ask(B, A, 'channel_post', { posts })) as { results: { error: object }[] };
    expect(results[0]?.error).toMatchObject(foreign);
  });

  it('[DCP-6.4-01] a relayed post is checked with the key of its author’s device', async () => {
    const { id } = await joined();
    const forged = { ...bob.message(id, 'mine'), content: { text: 'not mine', format: 'plain' } };
    const other = bob.message(id, 'x', { device: 'dev_aaaaaaaaaaaaaaaa' });
    const claimed = { ...forged, metadata: { signed_by: 'node' } };
    const posts = [forged, claimed, other].map((message) => ({ channel_id: id, message }));
    const { results } = (await nodes.bridge.ask(B, A, 'channel_post', { posts })) as { results: { error: object }[] };
    expect(results.map(({ error }) => error)).toEqual([
      expect.objectContaining({ code: 'INVALID_MESSAGE_FORMAT', details: { reason: 'signature', path: 'signature' } }),
      expect.objectContaining({ code: 'INVALID_MESSAGE_FORMAT', details: { reason: 'signature', path: 'signature' } }),
      expect.objectContaining({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'unknown_device' } }),
    ]);
  });

  it('a relayed post may be a week old, and no older', async () => {
    const { id } = await joined();
    const at = (days: number) =>
      bob.message(id, 'x', { timestamp: new Date(Date.now() - days * 86_400_000).toISOString() });
    const posts = [6.9, 7.1, -0.1].map((days) => ({ channel_id: id, message: at(days) }));
    const { results } = (await nodes.bridge.ask(B, A, 'channel_post', { posts })) as { results: object[] };
    expect(results.map((result) => Object.keys(result)[0])).toEqual(['ok', 'error', 'error']);
  });

  it('a node that nobody has rated joins nothing', async () => {
    const { id, name } = await channel();
    await find(name);
    nodes.bridge.trust = 'unknown';
    expect(await refusalOf(nodes.away.join(bob, id))).toEqual({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'unknown_node' },
    });
    nodes.bridge.trust = 'monitored';
  });

  it('[DCP-10.3-05] [DCP-6.4-05] a user of another node who is banned here does nothing here, for as long as the ban holds', async () => {
    const { id, name } = await joined();
    const guest = actor('guest', { node: B });
    nodes.bridge.know(guest);
    await find(name, guest);
    await nodes.away.join(guest, id);
    const refused = { code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'banned' } };
    nodes.bridge.judge({ user_id: guest.userId, banned_until: null });
    await eventually(async () => expect(errorOf(await nodes.away.postOne(guest.post(id, 'x')))).toMatchObject(refused));
    const other = await channel();
    await find(other.name, guest);
    expect(await refusalOf(nodes.away.join(guest, other.id))).toEqual(refused);
    okOf(await nodes.away.postOne(bob.post(id, 'not me')));
    nodes.bridge.judge({ user_id: guest.userId, banned_until: new Date(Date.now() - 1).toISOString() });
    await eventually(async () => okOf(await nodes.away.postOne(guest.post(id, 'again'))));
    nodes.bridge.judge({ user_id: guest.userId, banned_until: null });
    await eventually(async () => expect(errorOf(await nodes.away.postOne(guest.post(id, 'x')))).toMatchObject(refused));
    expect(await nodes.away.leave(guest, id)).toMatchObject({ changed: true });
    nodes.bridge.judge({ user_id: guest.userId });
  });

  it('[DCP-10.3-07] a user of another node who was slowed down here writes so much a minute; the rest waits, others do not', async () => {
    const { id, name } = await joined();
    const guest = actor('chatterbox', { node: B });
    nodes.bridge.know(guest);
    await find(name, guest);
    await nodes.away.join(guest, id);
    nodes.bridge.judge({ user_id: guest.userId, rate: { per_minute: 2, until: null } });
    const states: string[] = [];
    await eventually(async () => {
      states.push(okOf(await nodes.away.postOne(guest.post(id, `${states.length}`))).state);
      expect(states.at(-1)).toBe('queued');
    });
    expect(okOf(await nodes.away.postOne(bob.post(id, 'not me'))).state).toBe('ordered');
    const home = await nodes.home.log(id);
    expect(home.filter(({ author, type }) => author === guest.userId && type !== 'system')).toHaveLength(
      states.filter((state) => state === 'ordered').length,
    );
    nodes.bridge.judge({ user_id: guest.userId });
    await eventually(async () => expect(await nodes.queued()).toBe(0), 30_000);
    expect(
      (await nodes.sameLog(id)).filter(({ author, type }) => author === guest.userId && type !== 'system'),
    ).toHaveLength(states.length);
  });

  it('takes entries from the channel’s home only, each once and without a gap', async () => {
    const { id, name } = await joined();
    await nodes.home.postOne(alice.post(id, 'one'));
    await nodes.sameLog(id);
    const log = await nodes.home.log(id);
    const last = log.at(-1);
    if (last === undefined) throw new Error('no log');
    const next = { ...last, seq: last.seq + 1, id: 'msg_aaaaaaaaaaaaaaaa' };
    const body = { ...(JSON.parse(last.body) as object), id: next.id };
    const entry = { ...next, body: JSON.stringify(body) };
    const send = (from: string, ...entries: (typeof entry)[]) =>
      nodes.bridge.ask(from, B, 'entries', ordered({ channel_id: id, name, entries }));
    expect(await refusalOf(send('c9c9c9c9', entry))).toEqual({
      code: 'FEDERATION_ERROR',
      details: { reason: 'not_the_home' },
    });
    expect(await refusalOf(send(A, { ...entry, seq: entry.seq + 1 }))).toEqual({
      code: 'CONFLICT',
      details: { reason: 'gap', last_seq: last.seq },
    });
    expect(await refusalOf(send(A, { ...entry, author: alice.userId + 'x' }))).toMatchObject({
      code: 'INVALID_MESSAGE_FORMAT',
    });
    expect(await send(A, last)).toEqual({ last_seq: last.seq });
    expect(await nodes.kept(id)).toEqual(log.slice(4));
    const general = await nodes.away.general();
    const own = { ...entry, seq: 1, body: JSON.stringify({ ...body, channel_id: general }) };
    const taken = nodes.bridge.ask(A, B, 'entries', ordered({ channel_id: general, name, entries: [own] }));
    expect(await refusalOf(taken)).toMatchObject({ details: { reason: 'not_the_home' } });
  });

  it('gives nothing a number itself: with the home away nobody joins, and what is done there is refused', async () => {
    const { id } = await joined();
    nodes.bridge.up = false;
    expect(await refusalOf(nodes.away.join(ben, id))).toMatchObject({ code: 'NODE_UNREACHABLE' });
    expect(await refusalOf(nodes.away.leave(bob, id))).toMatchObject({ code: 'NODE_UNREACHABLE' });
    nodes.bridge.up = true;
    const body = { channel_id: id, user_id: `${A}.mallory`, change: 'join' };
    expect(await refusalOf(nodes.bridge.ask(A, B, 'channel_change', body))).toMatchObject({
      code: 'CHANNEL_NOT_FOUND',
    });
  });

  it('ends with its last member, and begins anew with the next', async () => {
    const { id, name } = await joined();
    expect(await nodes.away.leave(bob, id)).toMatchObject({ changed: true, seq: 6 });
    const { memberships } = await nodes.away.bus.request(CHANNEL.memberships, { user_id: bob.userId });
    expect(memberships.map(({ channel_id }) => channel_id)).not.toContain(id);
    const audience = await nodes.bridge.audience(A, { channel_id: id });
    expect(audience.channels[0]?.nodes).toEqual([{ node_id: B, since: 5, until: 6 }]);
    okOf(await nodes.home.postOne(alice.post(id, 'unheard')));
    await nodes.bridge.feed();
    expect(await find(name, ben)).toMatchObject({ last_seq: 7 });
    await nodes.away.join(ben, id);
    const kept = await nodes.sameLog(id);
    expect(kept.map(({ seq }) => seq)).toEqual([8]);
    expect((await history(id, ben, { after: 0 })).entries).toHaveLength(8);
    expect(await refusalOf(history(id))).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
  });

  it('names the nodes that must hear a channel', async () => {
    const { id } = await joined();
    expect(await nodes.bridge.audience(A, { channel_id: id })).toEqual({
      channels: [{ channel_id: id, last_seq: 5, home_epoch: 1, begun: 0, nodes: [{ node_id: B, since: 5 }] }],
    });
    expect(await nodes.bridge.audience(B, { channel_id: id })).toEqual({ channels: [] });
    const all = await nodes.bridge.audience(A);
    const rest = await nodes.bridge.audience(A, { after: all.next ?? '' });
    expect(all.channels.map(({ channel_id }) => channel_id)).toContain(id);
    expect(rest.channels).toEqual([]);
  });
});
