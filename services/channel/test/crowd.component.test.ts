import { setTimeout as delay } from 'node:timers/promises';
import { CHANNEL } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { mandateOf } from './support/admins.js';
import { Nodes } from './support/nodes.js';
import { okOf } from './support/results.js';
import { person } from './support/sealed.js';
import { BOTH_BUSES } from './support/world.js';

const A = 'a7f3k9m2';
const B = 'b8x1n5p4';
/** More than one page of a chain, and more than what is waited for. */
const CROWD = 450;
const GUARD_MS = 30_000;

describe.each(BOTH_BUSES)('a readable channel of another node with very many members, over the %s bus', (kind) => {
  let nodes: Nodes;
  let alice: Actor;
  let bob: Actor;
  let crowd: Actor[];
  let id: string;
  let drawn = 0;

  beforeAll(async () => {
    nodes = await Nodes.open({}, kind);
    [alice, bob] = [actor('alice'), actor('bob', { node: B })];
    crowd = Array.from({ length: CROWD }, (_, i) => actor(`one-${i}`));
    nodes.bridge.know(alice, bob);
  });
  afterEach(() => {
    nodes.bridge.up = true;
  });
  afterAll(() => nodes.close());

  const membersAt = async (world: Nodes['home'], user: Actor) => {
    const members: { user_id: string; role: string }[] = [];
    for (let after = '', more = true; more;) {
      const page = await world.bus.request(CHANNEL.members, {
        channel_id: id,
        user_id: user.userId,
        after,
        limit: 1_000,
      });
      members.push(...page.members);
      after = page.members.at(-1)?.user_id ?? '';
      more = page.has_more;
    }
    return members.map(({ user_id, role }) => `${user_id} ${role}`).sort();
  };
  const crowded = async () => {
    const name = `#crowd-${++drawn}`;
    ({ channel_id: id } = await nodes.home.create(alice, name));
    await Promise.all(crowd.map((one) => nodes.home.join(one, id)));
    await nodes.home.bus.request(CHANNEL.leave, { session: (crowd[7] as Actor).session, channel_id: id });
    await nodes.away.bus.request(CHANNEL.resolve, { name: `${name}@${A}`, user_id: bob.userId });
  };
  const open = async () => {
    const { rows } = await nodes.away.admin.query<{ open: boolean }>(
      'select chain_after is not null as open from channel.channels where channel_id = $1',
      [id],
    );
    return rows[0]?.open;
  };

  it('is joined at once, written and read; who else is in it is read afterwards, to the last one', async () => {
    await crowded();
    expect(await nodes.away.join(bob, id)).toMatchObject({ changed: true });
    expect(okOf(await nodes.away.postOne(bob.post(id, 'hello crowd')))).toMatchObject({ state: 'ordered' });
    const info = await nodes.away.bus.request(CHANNEL.resolve, { name: id, user_id: bob.userId });
    expect(info.member_count).toBe(CROWD + 1);
    await eventually(async () => expect(await open()).toBe(false), GUARD_MS);
    expect(await membersAt(nodes.away, bob)).toEqual(await membersAt(nodes.home, alice));
    expect(await membersAt(nodes.away, bob)).toHaveLength(CROWD + 1);
    const after = await nodes.away.bus.request(CHANNEL.resolve, { name: id, user_id: bob.userId });
    expect(after.member_count).toBe(CROWD + 1);
  });

  it('whom its owner trusts is known at once, as its title is', async () => {
    drawn++;
    const owner = person('owner');
    nodes.bridge.know(owner);
    const name = `#led-${drawn}`;
    ({ channel_id: id } = await nodes.home.create(owner, name));
    await Promise.all(crowd.map((one) => nodes.home.join(one, id)));
    const mandate = mandateOf(owner, id, [person('admin', B)]);
    await nodes.home.bus.request(CHANNEL.update, { session: owner.session, channel_id: id, mandate });
    await nodes.away.bus.request(CHANNEL.resolve, { name: `${name}@${A}`, user_id: bob.userId });
    await nodes.away.join(bob, id);
    expect(await nodes.away.bus.request(CHANNEL.home, { channel_id: id, user_id: bob.userId })).toMatchObject({
      mandate,
    });
  });

  it('who comes, goes and comes back meanwhile is counted as he is in the end', async () => {
    await crowded();
    await nodes.away.join(bob, id);
    const [first, second, third] = crowd as [Actor, Actor, Actor];
    const leave = (who: Actor) => nodes.home.bus.request(CHANNEL.leave, { session: who.session, channel_id: id });
    const late = actor('late');
    await leave(first);
    await leave(second);
    await nodes.home.join(second, id);
    await nodes.home.join(late, id);
    await leave(third);
    await eventually(async () => expect(await open()).toBe(false), GUARD_MS);
    await nodes.sameLog(id);
    expect(await membersAt(nodes.away, bob)).toEqual(await membersAt(nodes.home, alice));
    const { member_count } = await nodes.away.bus.request(CHANNEL.resolve, { name: id, user_id: bob.userId });
    expect(member_count).toBe((await membersAt(nodes.home, alice)).length);
  });

  it('a home that is away meanwhile is asked again', async () => {
    await crowded();
    await nodes.away.join(bob, id);
    nodes.bridge.up = false;
    const held = await open();
    await delay(3_000);
    // Either it was quicker than the cut, or it stands open as long as that lasts.
    expect(await open()).toBe(held);
    nodes.bridge.up = true;
    await eventually(async () => expect(await open()).toBe(false), 60_000);
    expect(await membersAt(nodes.away, bob)).toHaveLength(CROWD + 1);
  });
});
