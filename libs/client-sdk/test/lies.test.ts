import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, randomBytes, ready, signDigest, toBase64 } from '@dcp/crypto';
import { messageSigningInput, type DeliveredMessage, type KeyPayload, type SystemAction } from '@dcp/protocol';
import { MemoryStorage } from '../src/storage/storage.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** Finer lies: what a node, a partner or an old device could try with things that were once true. */

beforeAll(ready);

let node: ScriptedNode;
let alice: Actor;
let bob: Actor;
let actors: Actor[];

beforeEach(async () => {
  node = new ScriptedNode();
  alice = await new Person(node, 'alice').device();
  bob = await new Person(node, 'bob').device();
  actors = [alice, bob];
});
afterEach(() => actors.forEach((actor) => actor.stop()));

async function another(name: string): Promise<Actor> {
  const actor = await new Person(node, name).device();
  actors.push(actor);
  return actor;
}

const settle = async (...who: Actor[]) => {
  for (const actor of who) await actor.settled();
};
const lastText = (room: string) =>
  structuredClone(node.channel(room).log.findLast(({ type }) => type === 'text')) as DeliveredMessage;

/** A state entry with any content, signed by somebody's device. */
function entryOf(
  who: Actor,
  channelId: string,
  prev: string | null,
  content: object,
  more: object = {},
): DeliveredMessage {
  const unsigned = {
    id: `msg_${Math.random().toString(36).slice(2).padEnd(16, 'a').slice(0, 16)}`,
    type: 'system',
    timestamp: new Date(Date.now() + 1_000).toISOString(),
    author: who.userId,
    device: who.device,
    channel_id: channelId,
    prev_state: prev,
    content: { actor: who.userId, target: who.userId, details: {}, ...content },
    encryption: { algorithm: 'none' as const, key_id: 'state', nonce: '' as const },
    metadata: {},
    ...more,
  };
  const signature = signDigest(who.keys.seed, messageSigningInput(unsigned));
  return { ...unsigned, signature, channel: '#x', node: { seq: 90, received_at: new Date().toISOString() } };
}

const identityKey = async (of: Actor, seenBy: Actor) =>
  (await seenBy.engine.directory.log(of.userId))?.identityKey ?? '';

describe('a node that makes up messages', () => {
  it('[DCP-6.3-01] readable words in an encrypted channel are nobody’s, live and in the history', async () => {
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'real');
    await settle(bob);
    const real = lastText(room);
    const encryption = { algorithm: 'none' as const, key_id: 'node', nonce: '' as const };
    const forged = {
      ...real,
      id: 'msg_forgedforgedforg',
      content: { text: 'forged' },
      encryption,
      node: { ...real.node, seq: 50 },
    };
    bob.hear(structuredClone(forged));
    await settle(bob);
    expect(bob.texts()).toEqual(['real', '<malformed>']);
    const [shown] = await bob.engine.reader.readPage([forged]);
    expect([shown?.content, shown?.undecryptable]).toEqual([{}, { reason: 'malformed' }]);
  });

  it('what one has read is not shown under another author, time or kind', async () => {
    const carol = await another('carol');
    const room = await alice.createPrivate(bob, carol);
    await alice.say(room, 'I owe you 100');
    await settle(bob, carol);
    const real = lastText(room);
    for (const lie of [{ author: carol.userId }, { timestamp: '2020-01-01T00:00:00.000Z' }, { type: 'voice' }]) {
      const [shown] = await bob.engine.reader.readPage([{ ...real, ...lie }]);
      expect(shown?.content).toEqual({});
      expect(['bad_signature', 'unknown_device']).toContain(shown?.undecryptable?.reason);
    }
  });

  it('a state entry of the history that its author did not sign is not shown as his', async () => {
    const room = await alice.createPrivate(bob);
    const joined = structuredClone(
      node.channel(room).log.findLast(({ type }) => type === 'system'),
    ) as DeliveredMessage;
    const lied = { ...joined, content: { ...joined.content, action: 'user_left' } };
    const [good, bad] = await alice.engine.reader.readPage([joined, lied]);
    expect([good?.undecryptable, bad?.undecryptable]).toEqual([undefined, { reason: 'bad_signature' }]);
  });
});

describe('a node with a helper', () => {
  it('[DCP-12.3-07] a device that was known to be revoked certifies nothing, even when the account is said to be gone', async () => {
    const second = await bob.person.device();
    actors.push(second);
    const carol = await another('carol');
    const room = await alice.createPrivate(bob);
    bob.person.revoke(second.keys);
    await alice.engine.directory.reread(bob.userId);
    const { head } = await alice.engine.states.get(room);
    const content = {
      action: 'user_invited',
      target: carol.userId,
      details: { identity_key: await identityKey(carol, alice) },
    };
    const entry = entryOf(second, room, head, content, { certificate: second.keys.certificate });
    await expect(alice.engine.states.accept(structuredClone(entry))).rejects.toThrow('unknown_device');
    node.accounts.delete(bob.userId);
    alice.engine.directory.noteChange(bob.userId);
    await expect(alice.engine.states.accept(structuredClone(entry))).rejects.toThrow('unknown_device');
  });

  it('[DCP-9.2-04] nobody is let into a DM, not by the other side either', async () => {
    const carol = await another('carol');
    const dm = await alice.dm(bob);
    const details = { identity_key: await identityKey(carol, alice) };
    for (const [who, action] of [
      [bob, 'user_invited'],
      [carol, 'user_joined'],
      [bob, 'channel_created'],
    ] as [Actor, SystemAction][]) {
      const target = action === 'user_invited' ? carol.userId : who.userId;
      await expect(alice.engine.states.accept(entryOf(who, dm, null, { action, target, details }))).rejects.toThrow(
        'dm',
      );
    }
    expect(Object.keys((await alice.engine.states.get(dm)).members).sort()).toEqual([alice.userId, bob.userId].sort());
  });

  it('links that are none are refused as a bad chain, whatever they are', async () => {
    const room = (await alice.changes.create({ visibility: 'public', name: '#open' })).channel_id;
    for (const link of [null, 7, { key: 'x', proof: 'y' }, { key: formatKey('ed25519', randomBytes(32)) }]) {
      const { head } = await alice.engine.states.get(room);
      const details = { identity_key: await identityKey(bob, alice), link };
      const entry = entryOf(bob, room, head, { action: 'user_joined', details });
      await expect(alice.engine.states.accept(entry)).rejects.toMatchObject({ name: 'ChainError' });
    }
  });

  it('only the owner of a key can refuse it', async () => {
    const carol = await another('carol');
    const room = await alice.createPrivate(bob);
    const refused: string[] = [];
    bob.events.on('refused', ({ id }) => refused.push(id));
    node.interference.queue = (items, viewer) =>
      viewer === bob.userId ? items.filter(({ from_user }) => from_user !== alice.userId) : items;
    await alice.say(room, 'one');
    await settle(bob);
    const { encryption } = lastText(room);
    const deny: KeyPayload = { t: 'deny', channel_id: room, key_id: encryption.key_id };
    await carol.engine.sessions.send([{ userId: bob.userId, device: bob.device, payload: deny }]);
    await settle(bob);
    expect(refused).toEqual([]);
    node.interference = {};
    await bob.engine.requests.tick();
    await settle(alice, bob);
    expect(bob.texts()).toEqual(['one']);
  });

  it('what its owner refused is not asked for again, and says so', async () => {
    const carol = await another('carol');
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'before carol');
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle(alice, carol);
    const old = lastText(room);
    await carol.engine.reader.readPage([old]);
    await carol.engine.requests.tick();
    await settle(alice, carol);
    const [shown] = await carol.engine.reader.readPage([old]);
    expect(shown?.undecryptable).toEqual({ reason: 'not_shared' });
    expect(carol.engine.requests.size).toBe(0);
  });

  it('a share of a chain that is not the one we hold changes nothing and stops nothing', async () => {
    const carol = await another('carol');
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'one');
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle(alice, bob, carol);
    await alice.say(room, 'two');
    await settle(carol);
    const { encryption } = lastText(room);
    const share: KeyPayload = {
      t: 'share',
      channel_id: room,
      user_id: alice.userId,
      device: alice.device,
      epoch: 0,
      key_id: encryption.key_id,
      n: 0,
      chain: toBase64(randomBytes(32)),
    };
    await bob.engine.sessions.send([{ userId: carol.userId, device: carol.device, payload: share }]);
    await carol.engine.queue.drain();
    expect(carol.faults).toContain('keyFault foreign_key_id bob');
    await alice.say(room, 'three');
    await settle(carol);
    expect(carol.texts()).toEqual(['two', 'three']);
  });
});

describe('an old copy of a storage', () => {
  it('is noticed by the prekey epoch, and nothing of it is used again', async () => {
    const inner = new MemoryStorage();
    const owner = new Person(node, 'dora');
    const dora = await owner.device({ storage: inner });
    actors.push(dora);
    const room = await dora.createPrivate(bob);
    await dora.say(room, 'one');
    await settle(bob);
    const copy = new MemoryStorage();
    for (const key of await inner.keys('')) await copy.set(key, await inner.get(key));
    await dora.say(room, 'two');
    await settle(bob);
    const before = lastText(room).encryption;
    await dora.engine.prekeys.voidStock();
    await dora.engine.prekeys.maintain();
    dora.stop();
    const old = new Actor(owner, dora.keys, { storage: copy });
    actors.push(old);
    await old.engine.online();
    await old.say(room, 'three');
    await settle(bob);
    expect(lastText(room).encryption.key_id).not.toBe(before.key_id);
    expect(bob.texts()).toEqual(['one', 'two', 'three']);
    expect(old.engine.prekeys.epoch).toBe(2);
  });
});

describe('an encrypted channel that is passed off as a readable one', () => {
  it('gets no readable word', async () => {
    const room = await alice.createPrivate(bob);
    await expect(bob.engine.modes.requireReadable(room)).rejects.toMatchObject({
      details: { reason: 'mode_not_proven' },
    });
    expect(await bob.engine.modes.isReadable(room)).toBe(false);
    const dm = await alice.dm(bob);
    expect(await bob.engine.modes.isReadable(dm)).toBe(false);
  });

  it('the genesis of another channel proves nothing', async () => {
    const room = await alice.createPrivate(bob);
    const { genesis } = node.channel(room);
    const port = node.port(bob.userId, bob.device);
    const page = await port.command<object>('get_state', { channel: room, after: 0 });
    const lying = { ...port, command: async <T>() => ({ ...page, genesis: { ...genesis, encryption: 'node' } }) as T };
    const { ChannelModes } = await import('../src/e2ee/channel-modes.js');
    const modes = new ChannelModes(new MemoryStorage(), lying);
    await expect(modes.requireReadable(room)).rejects.toMatchObject({ details: { reason: 'mode_not_proven' } });
  });
});
