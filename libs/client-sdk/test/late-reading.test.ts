import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { ChannelSet } from '../src/channels/channel-set.js';
import { Rooms } from '../src/rooms.js';
import { MemoryStorage } from '../src/storage/storage.js';
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

  it('what the node refuses to prove for good is told as unreadable, in its place, and what follows is read', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob);
    node.listeners.delete(bob);
    await alice.say(room, 'first');
    await settle(alice, bob);
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    const unproven = await carol.say(room, 'of a member that he has never heard of');
    await alice.say(room, 'third');
    await settle(alice, carol);
    const faults = faultsOf(bob);
    node.down = new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member' });
    hearTexts(bob, room);
    await bob.engine.reader.idle();
    expect(bob.texts()).toEqual(['first', '<not_a_member>', 'third']);
    expect(bob.unreadAtFirst).toEqual([unproven]);
    expect(faults).toEqual(['INSUFFICIENT_PERMISSIONS']);
    expect(bob.engine.reader.pendingSeq(room)).toBeUndefined();
  });

  it('a change of the channel that the node refuses to prove is told as unreadable, too', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await settle(alice, bob);
    await bob.engine.states.forget(room);
    const told: unknown[] = [];
    bob.events.on('message', ({ seq, message, undecryptable }) => told.push([seq, message.content, undecryptable]));
    node.down = new DcpError('CHANNEL_NOT_FOUND');
    node.replay(bob, room, 2);
    await bob.engine.reader.idle();
    expect(told).toEqual([[3, {}, { reason: 'not_a_member' }]]);
  });

  it('a storage that fails for a while loses no message, however many come meanwhile', async () => {
    const storage = new WeakStorage();
    const [alice] = (await people('alice')) as [Actor];
    const bob = await new Person(node, 'bob').device({ storage });
    actors.push(bob);
    const room = await alice.createPrivate(bob);
    await settle(alice, bob);
    storage.fails = ['set', 'get'];
    const said = Array.from({ length: 20 }, (_, i) => `message ${i}`);
    for (const text of said) await alice.say(room, text);
    await bob.engine.reader.idle();
    expect(bob.texts()).toEqual([]);
    storage.fails = ['set'];
    bob.engine.reader.goOn();
    await bob.engine.reader.idle();
    expect(bob.texts()).toEqual([]);
    storage.fails = [];
    bob.engine.reader.goOn();
    await settle(bob);
    expect(bob.texts()).toEqual(said);
  });

  it('a message on which the client itself fails again and again is told as unreadable and stops nothing', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'before it');
    await settle(alice, bob);
    await bob.engine.states.forget(room);
    const faults = faultsOf(bob);
    node.interference.state = () => 7 as never;
    await alice.say(room, 'not to be proven');
    for (let tries = 1; tries < 10; tries++) {
      await bob.engine.reader.idle();
      expect(bob.texts()).toEqual(['before it']);
      bob.engine.reader.goOn();
    }
    await bob.engine.reader.idle();
    expect(bob.texts()).toEqual(['before it', '<malformed>']);
    expect(new Set(faults)).toEqual(new Set(['INTERNAL_ERROR']));
    node.interference = {};
    await alice.say(room, 'after it');
    bob.engine.reader.goOn();
    await settle(bob);
    expect(bob.texts()).toEqual(['before it', '<malformed>', 'after it']);
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

/** Fails where it is told to. */
class WeakStorage extends MemoryStorage {
  fails: ('get' | 'set')[] = [];
  override async get<T>(key: string): Promise<T | undefined> {
    if (this.fails.includes('get')) throw new Error('the disk cannot be read');
    return await super.get<T>(key);
  }
  override async apply(changes: ReadonlyMap<string, unknown>): Promise<void> {
    if (this.fails.includes('set')) throw new Error('the disk is full');
    await super.apply(changes);
  }
}

/** Codes of what failed from now on. */
function faultsOf({ events }: Actor): string[] {
  const codes: string[] = [];
  events.on('fault', ({ error }) => codes.push(error.code));
  return codes;
}

/** Lets somebody hear what was said, but no change of the channel. */
function hearTexts(actor: Actor, room: string): void {
  for (const message of node.channel(room).log) if (message.type === 'text') actor.hear(structuredClone(message));
}

async function copyOf({ storage }: Actor): Promise<Actor['storage']> {
  const copy = new MemoryStorage();
  for (const key of await storage.keys('')) await copy.set(key, await storage.get(key));
  return copy;
}
