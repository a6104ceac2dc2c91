import { CHANNEL } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Nodes } from './support/nodes.js';
import { okOf, refusalOf } from './support/results.js';
import { inviteLink, person, type Person, SealedChannel, sealedPost, stateEntry } from './support/sealed.js';
import { BOTH_BUSES } from './support/world.js';

const B = 'b8x1n5p4';

describe.each(BOTH_BUSES)('nodes that have not rated each other, over the %s bus', (kind) => {
  let nodes: Nodes;
  let drawn = 0;

  beforeAll(async () => {
    nodes = await Nodes.open({}, kind);
    nodes.bridge.trust = 'unknown';
  });
  afterEach(() => nodes.bridge.settings.clear());
  afterAll(() => nodes.close());

  const people = (): [Person, Person] => {
    const pair: [Person, Person] = [person(`alice-${++drawn}`), person(`bob-${drawn}`, B)];
    nodes.bridge.know(...pair);
    return pair;
  };
  const open = (world: Nodes['home'], by: Person, other: Person) =>
    world.bus.request(CHANNEL.openDm, { session: by.session, user_id: other.userId });
  const invitationsOf = async (world: Nodes['home'], who: Person) =>
    (await world.bus.request(CHANNEL.invitations, { user_id: who.userId })).invitations;

  it.each(['home', 'away'] as const)(
    '[DCP-10.3-04] a first message waits until its receiver has accepted: a wish from %s',
    async (side) => {
      const [alice, bob] = people();
      const [wisher, asked] = side === 'home' ? [alice, bob] : [bob, alice];
      const [here, there] = side === 'home' ? [nodes.home, nodes.away] : [nodes.away, nodes.home];
      const refusal = await refusalOf(open(here, wisher, asked));
      expect(refusal).toMatchObject({
        code: 'INSUFFICIENT_PERMISSIONS',
        details: { reason: 'acceptance_required', user_id: asked.userId },
      });
      expect(await invitationsOf(there, asked)).toMatchObject([
        { invited_by: wisher.userId, name: expect.stringMatching(/^@/) },
      ]);
      // Asking again makes no second request.
      await refusalOf(open(here, wisher, asked));
      expect(await invitationsOf(there, asked)).toHaveLength(1);
      const { channel_id: id } = await open(there, asked, wisher);
      expect(await invitationsOf(there, asked)).toEqual([]);
      expect((await open(here, wisher, asked)).channel_id).toBe(id);
      okOf(await here.postOne(sealedPost(wisher, id, 0)));
      okOf(await there.postOne(sealedPost(asked, id, 0)));
      await eventually(async () => {
        await nodes.bridge.feed();
        expect((await nodes.home.log(id)).map(({ author }) => author).sort()).toEqual(
          [wisher.userId, asked.userId].sort(),
        );
      });
    },
  );

  it('whoever takes no direct messages is not asked, and a node may ask so many at once', async () => {
    const [alice, bob] = people();
    nodes.bridge.settings.set(bob.userId, { allow_direct_messages: false, blocked_users: [] });
    expect((await refusalOf(open(nodes.home, alice, bob))).details).toMatchObject({ reason: 'direct_messages_off' });
    expect(await invitationsOf(nodes.away, bob)).toEqual([]);
    await nodes.away.admin.query(
      `insert into channel.remote_invitations
       select 'ch_' || n, 'b8x1n5p4.x' || n, 'a7f3k9m2', '@a,b', '', 'a7f3k9m2.y', now() from generate_series(1, 200) n`,
    );
    const [carol, dora] = people();
    expect((await refusalOf(open(nodes.home, carol, dora))).details).toMatchObject({ reason: 'acceptance_required' });
    expect(await invitationsOf(nodes.away, dora)).toEqual([]);
    await nodes.away.admin.query("delete from channel.remote_invitations where invited_by = 'a7f3k9m2.y'");
  });

  it('a channel that is open to all here is not open to them; an invitation or a link lets them in', async () => {
    const [alice, bob] = people();
    const join = async (id: string, link?: { key: string; proof: string }) => {
      await nodes.away.bus.request(CHANNEL.resolve, { name: `${id}@a7f3k9m2`, user_id: bob.userId });
      const state = await nodes.away.bus.request(CHANNEL.state, {
        channel_id: id,
        user_id: bob.userId,
        after: 0,
        link,
      });
      const details = { identity_key: bob.identityKey, ...(link && { link }) };
      const entry = stateEntry(bob, id, state.state_head, 'user_joined', { target: bob.userId, details });
      return nodes.away.bus.request(CHANNEL.changeState, { session: bob.session, channel_id: id, entry });
    };
    const lobby = await SealedChannel.create(nodes.home, alice, `#lobby-${drawn}`, { visibility: 'public' });
    expect((await refusalOf(join(lobby.id))).details).toMatchObject({ reason: 'unknown_node' });
    const readable = await nodes.home.create(alice, `#open-${drawn}`);
    await nodes.away.bus.request(CHANNEL.resolve, { name: `#open-${drawn}@a7f3k9m2`, user_id: bob.userId });
    expect((await refusalOf(nodes.away.join(bob, readable.channel_id))).details).toMatchObject({
      reason: 'unknown_node',
    });
    const plans = await SealedChannel.create(nodes.home, alice, `#plans-${drawn}`, { visibility: 'private' });
    const link = inviteLink();
    await plans.change(alice, 'link_created', alice.userId, { key: link.key, expires: link.expires(7) });
    expect(await join(plans.id, link.shown(plans.id, bob.userId))).toMatchObject({ changed: true });
    okOf(await nodes.away.postOne(sealedPost(bob, plans.id, plans.epoch)));
  });
});
