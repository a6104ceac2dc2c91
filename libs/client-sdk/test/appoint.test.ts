import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parseKey, ready, verifySigned } from '@dcp/crypto';
import { type Genesis, signingInput } from '@dcp/protocol';
import { signMandate } from '../src/mandates.js';
import { Rooms } from '../src/rooms.js';
import { Actor, NODE_ID, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

beforeAll(ready);

describe('an owner names his admins', () => {
  let node: ScriptedNode;
  let alice: Actor;
  let bob: Actor;

  beforeEach(async () => {
    node = new ScriptedNode();
    [alice, bob] = (await Promise.all(['alice', 'bob'].map((name) => new Person(node, name).device()))) as [
      Actor,
      Actor,
    ];
  });
  afterEach(() => [alice, bob].forEach((actor) => actor.stop()));

  const homes = (encrypted: boolean) => {
    const { keys, engine, userId, device } = alice;
    const channels = { isEncrypted: () => encrypted };
    return new Rooms(keys, NODE_ID, 'ws://x', node.port(userId, device), engine, channels as never).homes;
  };

  it('in the state chain of an encrypted channel, where every member sees it', async () => {
    const room = await alice.createPrivate(bob);
    const mandate = await homes(true).appoint(room, [bob.userId]);
    expect(mandate).toMatchObject({ serial: 1, admins: [bob.userId] });
    await bob.settled();
    expect((await bob.engine.states.get(room)).mandate).toEqual(mandate);
    const again = new Actor(bob.person, bob.keys, { storage: bob.storage });
    expect((await again.engine.states.get(room)).mandate).toEqual(mandate);
    again.stop();
    const none = await homes(true).appoint(room, []);
    expect(none).toMatchObject({ serial: 2, admins: [] });
    await bob.settled();
    expect(await bob.engine.states.get(room)).toMatchObject({ mandate: none, title: 'secret' });
    expect(node.updates).toEqual([]);
  });

  it('so that the last word counts, though the own node has not heard of the one before', async () => {
    const room = await alice.createPrivate(bob);
    expect(await homes(true).appoint(room, [bob.userId])).toMatchObject({ serial: 1 });
    await alice.settled();
    const { homeOf } = node;
    node.homeOf = (channelId) => ({ ...homeOf.call(node, channelId), mandate: undefined });
    const mandate = await homes(true).appoint(room, []);
    expect(mandate).toMatchObject({ serial: 2, admins: [] });
    await alice.changes.describe(room, { mandate: signMandate(alice.keys, room, [alice.userId], 1) });
    await bob.settled();
    const state = await bob.engine.states.get(room);
    expect(state.head).toBe(node.channel(room).state.head);
    expect(state.mandate).toEqual(mandate);
  });

  it('where the state was stored before anybody could', async () => {
    const room = await alice.createPrivate(bob);
    await bob.settled();
    bob.stop();
    expect(await bob.storage.get(`e2ee/channel/${room}`)).not.toHaveProperty('mandate');
    const mandate = await homes(true).appoint(room, [bob.userId]);
    const again = new Actor(bob.person, bob.keys, { storage: bob.storage });
    expect((await again.engine.states.refresh(room)).mandate).toEqual(mandate);
    again.stop();
  });

  it('by a command in one that nodes may read', async () => {
    const room = `ch_${'a'.repeat(52)}`;
    node.channels.set(room, { genesis: { encryption: 'node' }, state: {}, log: [] } as never);
    const mandate = await homes(false).appoint(room, [bob.userId]);
    expect(node.updates).toEqual([{ channel: room, mandate }]);
  });

  it('of a channel that its id proves to be his, also where nodes may read it', async () => {
    let told: Record<string, unknown> = {};
    const command = (_name: string, data: object) => {
      told = { ...data };
      return Promise.resolve({ channel: '#open', channel_id: 'x', head: 1 });
    };
    const added = { add: () => undefined, storeNew: () => Promise.resolve() };
    const port = { command, rest: () => Promise.reject(new Error('none')) };
    const rooms = new Rooms(alice.keys, NODE_ID, 'ws://x', port as never, alice.engine, added as never);
    await rooms.createPublic('#open', { encryption: 'node', name: 'Open', description: 'for all' });
    const { genesis, signature, ...rest } = told as { genesis: Genesis; signature: string };
    expect(rest).toEqual({ channel: '#open', encryption: 'node', name: 'Open', description: 'for all' });
    expect(genesis).toMatchObject({
      encryption: 'node',
      visibility: 'public',
      creator: alice.userId,
      home_node: NODE_ID,
    });
    const key = parseKey(genesis.creator_key).bytes;
    expect(verifySigned(key, signingInput('GENESIS', genesis), signature)).toBe(true);
  });
});
