import { ready } from '@dcp/crypto';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

describe('a node whose copy of a channel is behind its home', () => {
  const actors: Actor[] = [];

  beforeAll(ready);
  afterEach(() => actors.splice(0).forEach((actor) => actor.stop()));

  const arrive = async (node: ScriptedNode, name: string) => {
    const actor = await new Person(node, name).device();
    actors.push(actor);
    return actor;
  };

  it('is asked again until it shows what the home has refused the change for', async () => {
    const node = new ScriptedNode();
    const [alice, bob, carol] = [await arrive(node, 'alice'), await arrive(node, 'bob'), await arrive(node, 'carol')];
    const room = await alice.createPrivate();
    await alice.changes.invite(room, bob.userId);
    await alice.changes.invite(room, carol.userId);
    const seen = node.channel(room).log.length;
    await bob.changes.join(room);
    // Carol's node has not heard of bob for a while.
    let isBehind = true;
    node.interference.state = (entries, viewer) =>
      viewer === carol.userId && isBehind ? entries.filter(({ node: { seq } }) => seq <= seen) : entries;
    setTimeout(() => (isBehind = false), 700);
    await carol.changes.join(room);
    expect(isBehind).toBe(false);
    expect(Object.keys((await alice.engine.states.refresh(room)).members)).toContain(carol.userId);
    expect(carol.faults).toEqual([]);
  });

  it('is given up in the end, and the change refused', async () => {
    const node = new ScriptedNode();
    const [alice, bob, carol] = [await arrive(node, 'alice'), await arrive(node, 'bob'), await arrive(node, 'carol')];
    const room = await alice.createPrivate();
    await alice.changes.invite(room, bob.userId);
    const seen = node.channel(room).log.length;
    await alice.changes.invite(room, carol.userId);
    node.interference.state = (entries) => entries.filter(({ node: { seq } }) => seq <= seen);
    await expect(bob.changes.join(room)).rejects.toMatchObject({ details: { reason: 'stale_state' } });
  });
});
