import { CHANNEL } from '@dcp/contracts';
import { systemClock } from '@dcp/node-kit';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ChannelRooms } from '../src/channel.rooms.js';
import { actor, type Actor } from './support/actor.js';
import { Nodes } from './support/nodes.js';
import { errorOf, okOf, refusalOf } from './support/results.js';

const A = 'a7f3k9m2';
const B = 'b8x1n5p4';
const DAY = 86_400_000;
/** Two backoffs of a node that was tried once or twice, ten times over. */
const LONG = 25_000;

describe('posts while their channel’s home is away', () => {
  let nodes: Nodes;
  let alice: Actor;
  let bob: Actor;
  let id: string;
  let drawn = 0;
  let ahead = 0;

  beforeAll(async () => {
    nodes = await Nodes.open({ clock: { ...systemClock, now: () => Date.now() + ahead } });
    // A second instance of the node that waits: only one of them sends.
    await nodes.away.start({ clock: { ...systemClock, now: () => Date.now() + ahead } });
    alice = actor('alice');
  });
  afterAll(() => nodes.close());

  beforeEach(async () => {
    ahead = 0;
    nodes.bridge.up = true;
    bob = actor('bob', { node: B });
    nodes.bridge.know(alice, bob);
    const name = `#far-${++drawn}`;
    id = (await nodes.home.create(alice, name)).channel_id;
    await nodes.away.bus.request(CHANNEL.resolve, { name: `${name}@${A}`, user_id: bob.userId });
    await nodes.away.join(bob, id);
    await nodes.sameLog(id);
  });

  const say = (text: string) => nodes.away.postOne(bob.post(id, text));
  const textsOf = (entries: { body: string }[]) =>
    entries
      .map(({ body }) => (JSON.parse(body) as { content: { text?: string } }).content.text)
      .filter((text) => text !== undefined);

  it('[DCP-14.3-02] are queued, readable history stays, and each is ordered once, in its author’s order, when it is back', async () => {
    nodes.bridge.up = false;
    const queued = [await say('one'), await say('two'), await say('three')].map(okOf);
    expect(queued).toEqual(
      queued.map(({ message_id }) => expect.objectContaining({ message_id, state: 'queued', seq: 0 })),
    );
    expect(await nodes.queued()).toBe(3);
    const page = { channel_id: id, user_id: bob.userId, limit: 10 };
    expect((await nodes.away.bus.request(CHANNEL.history, page)).entries).toHaveLength(1);
    const { members } = await nodes.away.bus.request(CHANNEL.members, {
      channel_id: id,
      user_id: bob.userId,
      limit: 9,
    });
    expect(members).toHaveLength(2);
    okOf(await nodes.home.postOne(alice.post(id, 'meanwhile')));
    nodes.bridge.up = true;
    // Not yet due: it waits behind the others.
    okOf(await say('four'));
    await eventually(async () => expect(await nodes.queued()).toBe(0), LONG);
    expect(textsOf(await nodes.sameLog(id))).toEqual(['meanwhile', 'one', 'two', 'three', 'four']);
    expect(nodes.refused).toEqual([]);
  });

  it('are asked for at once when the home is heard again', async () => {
    nodes.bridge.up = false;
    okOf(await say('one'));
    await eventually(async () => {
      const { rows } = await nodes.away.admin.query('select 1 from channel.outgoing_nodes where attempts > 0');
      expect(rows).toHaveLength(1);
    }, LONG);
    await nodes.away.admin.query("update channel.outgoing_nodes set next_at = next_at + interval '1 hour'");
    nodes.bridge.up = true;
    okOf(await nodes.home.postOne(alice.post(id, 'hello')));
    await nodes.bridge.feed();
    await eventually(async () => expect(await nodes.queued()).toBe(0), LONG);
  });

  it('sent again while they wait they are one, and another message of the id is refused', async () => {
    nodes.bridge.up = false;
    const post = bob.post(id, 'one');
    for (let i = 0; i < 3; i++) expect(okOf(await nodes.away.postOne(post))).toMatchObject({ state: 'queued' });
    const other = { ...post, message: bob.message(id, 'other', { id: post.message['id'] }) };
    expect(errorOf(await nodes.away.postOne(other))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'id_used' },
    });
    nodes.bridge.up = true;
    await eventually(async () => expect(await nodes.queued()).toBe(0), LONG);
    expect(textsOf(await nodes.sameLog(id))).toEqual(['one']);
  });

  it('[DCP-14.3-05] are refused to their author where the home refuses them, and asked for no more', async () => {
    nodes.bridge.up = false;
    const { message_id } = okOf(await say('too late'));
    // The home has removed him meanwhile; his node does not know it yet.
    await nodes.home.bus.request(CHANNEL.leave, { session: bob.session, channel_id: id });
    nodes.bridge.up = true;
    await eventually(
      () =>
        expect(nodes.refused).toContainEqual({
          user_id: bob.userId,
          channel_id: id,
          name: `#far-${drawn}@${A}`,
          message_id,
          error: expect.objectContaining({ code: 'INSUFFICIENT_PERMISSIONS' }),
        }),
      LONG,
    );
    expect(await nodes.queued()).toBe(0);
    // Whoever was away hears it later, until one of his devices has taken note; nobody else can do that for him.
    const refusals = async () =>
      (await nodes.away.bus.request(CHANNEL.refusals, { user_id: bob.userId })).refusals.filter(
        (one) => one.message_id === message_id,
      );
    const seen = (by: Actor) =>
      nodes.away.bus.request(CHANNEL.refusalsSeen, { session: by.session, message_ids: [message_id] });
    expect(await refusals()).toMatchObject([{ channel_id: id, error: { code: 'INSUFFICIENT_PERMISSIONS' } }]);
    await seen(alice);
    expect(await refusals()).toHaveLength(1);
    await seen(bob);
    expect(await refusals()).toEqual([]);
  });

  it('of one user in one channel are at most a hundred', async () => {
    nodes.bridge.up = false;
    const posts = Array.from({ length: 101 }, (_, i) => bob.post(id, String(i)));
    const results = await nodes.away.post(...posts);
    expect(
      results
        .slice(0, 100)
        .map(okOf)
        .every(({ state }) => state === 'queued'),
    ).toBe(true);
    expect(errorOf(results[100])).toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'queue_full' } });
    nodes.bridge.up = true;
    await eventually(async () => expect(await nodes.queued()).toBe(0), LONG);
    expect(textsOf(await nodes.sameLog(id))).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });

  it('of an account that ends are gone with it, and so are its rows, whether the home can be told or not', async () => {
    nodes.bridge.up = false;
    okOf(await say('never'));
    expect(await nodes.away.forget(bob.userId)).toMatchObject({ channels: 1 });
    expect(await nodes.queued()).toBe(0);
    for (const table of ['members', 'remote_invitations']) {
      const { rows } = await nodes.away.admin.query(`select 1 from channel.${table} where user_id = $1`, [bob.userId]);
      expect(rows).toEqual([]);
    }
    expect(
      await refusalOf(nodes.away.bus.request(CHANNEL.membership, { channel_id: id, user_id: bob.userId })),
    ).toMatchObject({
      code: 'CHANNEL_NOT_FOUND',
    });
  });

  it('an account that ends leaves the homes of its channels too', async () => {
    await nodes.away.forget(bob.userId);
    const { members } = await nodes.home.bus.request(CHANNEL.members, {
      channel_id: id,
      user_id: alice.userId,
      limit: 9,
    });
    expect(members.map(({ user_id }) => user_id)).toEqual([alice.userId]);
  });

  it('wait a week at most, and replicas that nobody needs are emptied', async () => {
    nodes.bridge.up = false;
    const { message_id } = okOf(await say('for ever'));
    const { sender } = nodes.instance.app.get(ChannelRooms);
    ahead = 6.9 * DAY;
    await sender.sweep();
    expect(await nodes.queued()).toBe(1);
    ahead = 7.1 * DAY;
    await sender.sweep();
    expect(await nodes.queued()).toBe(0);
    expect(nodes.refused.at(-1)).toMatchObject({
      message_id,
      user_id: bob.userId,
      error: { code: 'NODE_UNREACHABLE', details: { reason: 'expired' } },
    });
    await nodes.away.forget(bob.userId);
    const rows = async () =>
      (await nodes.away.admin.query('select 1 from channel.channel_events where channel_id = $1', [id])).rowCount;
    expect(await rows()).toBe(2);
    ahead += DAY;
    await sender.sweep();
    expect(await rows()).toBe(0);
    expect((await nodes.away.admin.query('select 1 from channel.channels where channel_id = $1', [id])).rows).toEqual(
      [],
    );
  });
});
