import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { ChannelSet } from '../src/channels/channel-set.js';
import { Rooms } from '../src/rooms.js';
import { Actor, NODE_ID, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** What is read later than it was said: the state has moved on meanwhile, or the node was away. */

beforeAll(ready);
let node: ScriptedNode;
let actors: Actor[];
beforeEach(() => {
  node = new ScriptedNode();
  actors = [];
});
afterEach(() => actors.forEach((actor) => actor.stop()));

async function people(...names: string[]): Promise<Actor[]> {
  for (const name of names) actors.push(await new Person(node, name).device());
  return actors.slice(-names.length);
}

const settle = async (...who: Actor[]) => {
  for (const one of who) await one.settled();
};

describe('what is read late', () => {
  it('[DCP-6.3-04] the last words of somebody who has left are read by those who know already that he has', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob, carol);
    await settle(alice, bob, carol);
    node.listeners.delete(carol);
    await bob.say(room, 'my last words');
    await bob.changes.leave(room);
    await alice.say(room, 'after him');
    await carol.engine.states.refresh(room);
    await carol.engine.queue.drain();
    node.listeners.add(carol);
    node.replay(carol, room, 5);
    await settle(carol);
    expect(carol.texts()).toEqual(['my last words', 'after him']);
    expect(carol.unreadAtFirst).toEqual([]);
    expect(carol.faults).toEqual([]);
  });

  it('whoever has just joined may write, though he never hears his own entry', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = (await alice.changes.create({ visibility: 'public', name: '#open' })).channel_id;
    await bob.engine.states.refresh(room);
    node.listeners.delete(bob);
    await bob.changes.join(room);
    node.listeners.add(bob);
    await bob.say(room, 'here I am');
    await settle(alice, bob);
    expect(alice.texts()).toEqual(['here I am']);
  });

  it('[DCP-12.3-06] whoever has just joined reads what his other device says at once', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const laptop = await bob.person.device();
    actors.push(laptop);
    const room = (await alice.changes.create({ visibility: 'public', name: '#open' })).channel_id;
    await bob.engine.states.refresh(room);
    node.listeners.delete(bob);
    await bob.changes.join(room);
    node.listeners.add(bob);
    await laptop.say(room, 'from the laptop');
    await settle(alice, bob, laptop);
    expect(bob.texts()).toEqual(['from the laptop']);
  });

  it('[DCP-14.3-02] a node that is away while a message is read loses it nowhere', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await settle(alice, bob);
    node.listeners.delete(bob);
    await alice.say(room, 'first');
    await alice.person.device().then((laptop) => actors.push(laptop));
    await actors.at(-1)?.say(room, 'from a device that he does not know yet');
    await alice.say(room, 'third');
    await bob.engine.queue.drain();
    node.listeners.add(bob);
    node.down = new DcpError('MAINTENANCE_MODE');
    bob.engine.directory.noteChange(alice.userId);
    await bob.engine.states.forget(room);
    node.replay(bob, room, 3);
    await bob.engine.reader.idle();
    expect(bob.texts()).toEqual([]);
    expect(bob.engine.reader.pendingSeq(room)).toBe(4);
    node.down = undefined;
    bob.engine.reader.goOn();
    await settle(bob);
    expect(bob.texts()).toEqual(['first', 'from a device that he does not know yet', 'third']);
  });

  it('who leaves still reads what had come before, and knows nothing of the channel after that', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await settle(alice, bob);
    const laptop = await alice.person.device();
    actors.push(laptop);
    let release = () => {};
    node.holds['get_devices'] = new Promise((resolve) => (release = () => resolve()));
    bob.engine.directory.noteChange(alice.userId);
    const said = laptop.say(room, 'from a device that he has to ask about');
    const channels = new ChannelSet(bob.storage, {
      readHistory: () => Promise.reject(new Error('nobody asks')),
      deliver: () => undefined,
      pendingSeq: () => undefined,
    });
    const port = node.port(bob.userId, bob.device);
    const rooms = new Rooms(bob.keys, NODE_ID, 'ws://node.example', port, bob.engine, channels);
    release();
    await said;
    node.holds['get_devices'] = new Promise((resolve) => (release = () => resolve()));
    bob.engine.directory.noteChange(alice.userId);
    node.replay(bob, room, 3);
    await bob.changes.leave(room);
    rooms.left(room);
    release();
    await settle(bob);
    expect(bob.texts()).toContain('from a device that he has to ask about');
    expect(await bob.engine.storage.keys(`e2ee/channel/${room}`)).toEqual([]);
  });

  it('what its owner wrote since the copy was made, a restored device reads out of the backup', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await settle(alice, bob);
    const copy = await copyOf(bob);
    await bob.say(room, 'since the copy');
    await settle(alice, bob);
    await bob.engine.backup.flush();
    bob.stop();
    const restored = new Actor(bob.person, bob.keys, { storage: copy });
    actors.push(restored);
    await restored.engine.restored();
    await restored.engine.online();
    node.replay(restored, room, 3);
    await settle(restored);
    expect(restored.texts()).toEqual(['since the copy']);
  });
});

async function copyOf({ storage }: Actor): Promise<Actor['storage']> {
  const { MemoryStorage } = await import('../src/storage/storage.js');
  const copy = new MemoryStorage();
  for (const key of await storage.keys('')) await copy.set(key, await storage.get(key));
  return copy;
}
