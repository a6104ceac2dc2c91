import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { canonicalJson, type DeliveredMessage } from '@dcp/protocol';
import { MemoryStorage } from '../src/storage/storage.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

beforeAll(ready);

const HOUR = 3_600_000;
let node: ScriptedNode;
let actors: Actor[];
/** Moves every actor's clock. */
let ahead: number;
const now = () => Date.now() + ahead;

beforeEach(() => {
  node = new ScriptedNode();
  actors = [];
  ahead = 0;
});
afterEach(() => actors.forEach((actor) => actor.stop()));

async function person(name: string, options: Parameters<Person['device']>[0] = {}): Promise<Actor> {
  return await deviceOf(new Person(node, name), options);
}

async function deviceOf(owner: Person, options: Parameters<Person['device']>[0] = {}): Promise<Actor> {
  const actor = await owner.device({ now, ...options });
  actors.push(actor);
  return actor;
}

async function people(...names: string[]): Promise<Actor[]> {
  const made: Actor[] = [];
  for (const name of names) made.push(await person(name));
  return made;
}

const settle = async (...who: Actor[]) => {
  for (const actor of who) await actor.settled();
};
const log = (channelId: string): DeliveredMessage[] =>
  node.channel(channelId).log.filter(({ type }) => type === 'text');
const keyIds = (channelId: string) => log(channelId).map(({ encryption }) => encryption.key_id);

/** The node forgets to deliver to this actor; `replay` makes it up. */
function cutOff(actor: Actor): void {
  node.listeners.delete(actor);
}

describe('direct messages', () => {
  it('[DCP-6.3-02] [DCP-9.2-05] the first reaches somebody who is away and has never met the sender', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    cutOff(bob);
    const dm = await alice.dm(bob);
    await alice.say(dm, 'hello bob');
    node.listeners.add(bob);
    node.replay(bob, dm, 0);
    await settle(bob);
    await bob.say(dm, 'hello alice');
    await settle(alice, bob);
    expect(alice.texts()).toEqual(['hello bob', 'hello alice']);
    expect(bob.texts()).toEqual(['hello bob', 'hello alice']);
    expect(JSON.stringify(node.channel(dm).log)).not.toContain('hello');
  });

  it('[DCP-12.2-01] a change of direction brings a new sender key', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const dm = await alice.dm(bob);
    await bob.dm(alice);
    for (const [who, text] of [
      [alice, '1'],
      [alice, '2'],
      [bob, '3'],
      [alice, '4'],
      [alice, '5'],
    ] as const) {
      await who.say(dm, text);
      await settle(alice, bob);
    }
    const [first, second, , fourth, fifth] = keyIds(dm);
    expect(second).toBe(first);
    expect(fourth).not.toBe(first);
    expect(fifth).toBe(fourth);
    expect(bob.texts()).toEqual(['1', '2', '3', '4', '5']);
  });

  it('notes to oneself reach the other device', async () => {
    const phone = await person('alice');
    const laptop = await deviceOf(phone.person);
    const dm = await phone.dm(phone);
    await phone.say(dm, 'milk');
    await settle(phone, laptop);
    expect(laptop.texts()).toEqual(['milk']);
  });
});

describe('private channels and groups', () => {
  it('[DCP-6.3-04] one encryption serves all members', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob, carol);
    await alice.say(room, 'to all');
    await bob.say(room, 'from bob');
    await settle(alice, bob, carol);
    for (const one of [alice, bob, carol]) {
      expect(one.texts()).toEqual(['to all', 'from bob']);
      expect(one.faults).toEqual([]);
    }
  });

  it('[DCP-9.2-06] a group DM has all its members from the start', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const group = await alice.createGroup(bob, carol);
    await carol.say(group, 'hi');
    await settle(alice, bob, carol);
    for (const one of [alice, bob, carol]) expect(one.texts()).toEqual(['hi']);
  });

  it('[DCP-6.3-04] whoever was removed reads nothing that comes later, and the epoch and key are new', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob, carol);
    await alice.say(room, 'before');
    await settle(alice, bob, carol);
    await alice.changes.kick(room, carol.userId);
    await settle(alice, bob);
    await alice.say(room, 'after');
    await settle(alice, bob);
    expect(bob.texts()).toEqual(['before', 'after']);
    const [before, after] = log(room);
    expect(after?.encryption.epoch).toBe((before?.encryption.epoch ?? 0) + 1);
    expect(after?.encryption.key_id).not.toBe(before?.encryption.key_id);
    // The node shows it to her all the same: she has no key, and nobody gives her one.
    node.replay(carol, room, (after?.node.seq ?? 0) - 1);
    await carol.engine.requests.tick();
    await settle(alice, bob, carol);
    expect(carol.texts()).toEqual(['before', '<no_key>']);
  });

  it('a member who has not heard of a removal is refused by the epoch, and writes under the new one', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob, carol);
    await bob.say(room, 'one');
    cutOff(bob);
    await alice.changes.kick(room, carol.userId);
    await bob.say(room, 'two');
    await settle(alice);
    expect(alice.texts()).toEqual(['one', 'two']);
    expect(log(room).map(({ encryption }) => encryption.epoch)).toEqual([0, 1]);
    expect(node.refused).toContain('stale_epoch');
  });

  it('a newcomer reads nothing from before, and everything after', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'old');
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle(alice, bob, carol);
    await alice.say(room, 'new');
    node.replay(carol, room, 0);
    await carol.engine.requests.tick();
    await settle(alice, bob, carol);
    await settle(carol);
    expect(carol.heard.find(({ text }) => text === 'new')).toBeDefined();
    expect(carol.heard.find(({ text }) => text === 'old')).toBeUndefined();
    expect(carol.heard.some(({ fault }) => fault === 'no_key' || fault === 'not_a_member')).toBe(true);
  });

  it('a member can share what was written before, and the newcomer reads it', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'old one');
    await bob.say(room, 'old two');
    await settle(alice, bob);
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await expect(alice.engine.shareHistory(room, 'n0000000.nobody')).rejects.toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
    });
    await settle(alice);
    expect(await alice.engine.shareHistory(room, carol.userId)).toBe(2);
    await settle(carol);
    const read = await carol.engine.reader.readPage(structuredClone(log(room)));
    expect(read.map(({ content }) => content['text'])).toEqual(['old one', 'old two']);
  });

  it('a share under somebody’s key id does not stand against the owner’s own hand-over', async () => {
    const [alice, bob, mallory] = (await people('alice', 'bob', 'mallory')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob, mallory);
    node.interference.queue = (items, viewer) => (viewer === bob.userId ? [] : items);
    await alice.say(room, 'true');
    const [message] = log(room) as [DeliveredMessage];
    const { key_id } = message.encryption;
    const forged = {
      t: 'share',
      channel_id: room,
      user_id: alice.userId,
      device: alice.device,
      epoch: 0,
      key_id,
      n: 0,
    } as const;
    const payload = { ...forged, chain: Buffer.alloc(32, 7).toString('base64') };
    await bob.engine.received.put(
      { channelId: room, userId: alice.userId, device: alice.device },
      { keyId: key_id, n: 0, chainKey: new Uint8Array(32).fill(7) },
      true,
    );
    await mallory.engine.sessions.send([{ userId: bob.userId, device: bob.device, payload }]);
    node.interference = {};
    await settle(bob);
    node.replay(bob, room, message.node.seq - 1);
    await settle(bob);
    expect(bob.texts().at(-1)).toBe('true');
  });

  it('[DCP-9.2-03] whoever has the link comes in, and nobody after it was revoked', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate();
    const link = await alice.changes.createLink(room, 'node.example', HOUR);
    await bob.changes.join(room, link.url);
    await settle(alice);
    await alice.say(room, 'welcome');
    await settle(bob);
    expect(bob.texts()).toEqual(['welcome']);
    await alice.changes.revokeLink(room, link.key);
    await expect(carol.changes.join(room, link.url)).rejects.toThrow();
    expect(node.channel(room).state.members[carol.userId]).toBeUndefined();
  });

  it('a member whose account is gone leaves a chain that newcomers can check, and gets no more keys', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'with bob');
    await settle(bob);
    node.accounts.delete(bob.userId);
    bob.stop();
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle(alice, carol);
    alice.engine.directory.noteChange(bob.userId);
    await alice.say(room, 'without bob');
    await settle(carol);
    expect(carol.texts()).toEqual(['without bob']);
    expect(carol.faults).toEqual([]);
    const [before, after] = keyIds(room);
    expect(after).not.toBe(before);
  });
});

describe('keys over time', () => {
  it('[DCP-12.2-03] message 1,001 has a new key', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    for (let i = 0; i < 1_001; i++) await alice.say(room, String(i));
    await settle(bob);
    const ids = keyIds(room);
    expect(new Set(ids.slice(0, 1_000)).size).toBe(1);
    expect(ids[1_000]).not.toBe(ids[999]);
    expect(bob.texts().at(-1)).toBe('1000');
    expect(bob.texts()).toHaveLength(1_001);
  });

  it('[DCP-12.2-03] after 24 hours one message has a new key', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'today');
    ahead += 24 * HOUR + 1;
    await alice.say(room, 'tomorrow');
    await settle(bob);
    const [first, second] = keyIds(room);
    expect(second).not.toBe(first);
    expect(bob.texts()).toEqual(['today', 'tomorrow']);
  });

  it('[DCP-12.2-04] messages out of order are read', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    cutOff(bob);
    for (const text of ['1', '2', '3', '4', '5']) await alice.say(room, text);
    for (const at of [0, 4, 2, 1, 3]) bob.hear(structuredClone(log(room)[at] as DeliveredMessage));
    await settle(bob);
    expect(bob.texts()).toEqual(['1', '5', '3', '2', '4']);
  });

  it('[DCP-12.1-01] no nonce comes twice under a key, over a restart and with two devices', async () => {
    const owner = new Person(node, 'alice');
    const storage = new MemoryStorage();
    let phone = await deviceOf(owner, { storage });
    const laptop = await deviceOf(owner);
    const room = await phone.createPrivate();
    for (let i = 0; i < 20; i++) await phone.say(room, `p${i}`);
    for (let i = 0; i < 20; i++) await laptop.say(room, `l${i}`);
    phone.stop();
    phone = new Actor(owner, phone.keys, { storage, now });
    actors.push(phone);
    await phone.engine.online();
    for (let i = 0; i < 20; i++) await phone.say(room, `q${i}`);
    const pairs = log(room).map(({ encryption }) => `${encryption.key_id} ${encryption.nonce}`);
    const places = log(room).map(({ encryption }) => `${encryption.key_id} ${encryption.n}`);
    expect(new Set(pairs).size).toBe(60);
    expect(new Set(places).size).toBe(60);
    for (const { encryption } of log(room)) expect(Buffer.from(encryption.nonce, 'base64')).toHaveLength(12);
  });

  it('[DCP-12.4-05] texts of 1, 10 and 100 characters make ciphertexts of the same length', async () => {
    const [alice, bob, carol, dave] = (await people('alice', 'bob', 'carol', 'dave')) as [Actor, Actor, Actor, Actor];
    const room = await alice.createPrivate(bob, carol, dave);
    for (const length of [1, 10, 100]) await alice.say(room, 'x'.repeat(length));
    const lengths = log(room).map(({ content }) => String(content['ciphertext']).length);
    expect(new Set(lengths).size).toBe(1);
  });

  it('[DCP-12.4-01] a message carries what the node needs to number it, and nothing more', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'sparse');
    const { channel: _channel, node: _node, ...sent } = log(room)[0] as DeliveredMessage;
    const members = [
      'author',
      'channel_id',
      'content',
      'device',
      'encryption',
      'id',
      'metadata',
      'signature',
      'timestamp',
      'type',
    ];
    expect(Object.keys(sent).sort()).toEqual(members);
    expect([Object.keys(sent.content), sent.metadata]).toEqual([['ciphertext'], {}]);
    expect(Object.keys(sent.encryption).sort()).toEqual([
      'algorithm',
      'device',
      'epoch',
      'key_id',
      'n',
      'nonce',
      'state',
    ]);
  });

  it('[DCP-12.2-02] a stolen storage without archive does not open what was read', async () => {
    const alice = await person('alice');
    const bob = await person('bob', { archive: false });
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'burnt after reading');
    await settle(bob);
    expect(bob.texts()).toEqual(['burnt after reading']);
    bob.stop();
    const thief = new Actor(bob.person, bob.keys, { storage: bob.storage, archive: false, now });
    actors.push(thief);
    thief.hear(structuredClone(log(room)[0] as DeliveredMessage));
    await thief.engine.reader.idle();
    expect(thief.texts()).toEqual(['<replayed>']);
  });
});

describe('several devices', () => {
  it('[DCP-12.3-06] what one sends appears on the other, also after it was off', async () => {
    const bob = await person('bob');
    const phone = await person('alice');
    const laptop = await deviceOf(phone.person);
    const dm = await phone.dm(bob);
    await phone.say(dm, 'from the phone');
    cutOff(laptop);
    await phone.say(dm, 'while it was off');
    node.listeners.add(laptop);
    await laptop.engine.online();
    node.replay(laptop, dm, 2 - 1);
    await settle(laptop, bob);
    expect(laptop.texts()).toEqual(['from the phone', 'while it was off']);
    expect(bob.texts()).toEqual(['from the phone', 'while it was off']);
  });

  it('[DCP-12.3-07] a revoked device gets no key for the next message, in every channel', async () => {
    const bob = await person('bob');
    const phone = await person('alice');
    const laptop = await deviceOf(phone.person);
    const room = await bob.createPrivate(phone);
    await bob.say(room, 'before');
    await settle(phone, laptop);
    phone.person.revoke(laptop.keys);
    await bob.say(room, 'after');
    await settle(phone, laptop);
    const [before, after] = keyIds(room);
    expect(after).not.toBe(before);
    expect(phone.texts()).toEqual(['before', 'after']);
    expect(laptop.texts()).toEqual(['before', '<no_key>']);
  });

  it('a restored device reads the history out of the backup', async () => {
    const bob = await person('bob');
    const phone = await person('alice');
    const room = await bob.createPrivate(phone);
    await bob.say(room, 'long ago');
    await phone.say(room, 'my own words');
    await settle(phone, bob);
    await phone.engine.backup.flush();
    phone.stop();
    const fresh = await deviceOf(phone.person);
    const read = await fresh.engine.reader.readPage(structuredClone(log(room)));
    expect(read.map(({ content }) => content['text'])).toEqual(['long ago', 'my own words']);
    const again = await fresh.engine.reader.readPage(structuredClone(log(room)));
    expect(again.map(({ content }) => content['text'])).toEqual(['long ago', 'my own words']);
    for (const { body } of node.backups.get(phone.userId)?.values() ?? [])
      expect(Buffer.from(body, 'base64').toString('latin1')).not.toContain(room);
  });

  it('a month that was deleted is gone from the archive and the backup', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'shred me');
    await settle(alice, bob);
    await bob.engine.backup.flush();
    await bob.engine.forgetMonth(new Date(now()).toISOString().slice(0, 7));
    const [message] = await bob.engine.reader.readPage(structuredClone(log(room)));
    expect(message?.undecryptable).toEqual({ reason: 'replayed' });
    expect(node.backups.get(bob.userId)?.size).toBe(0);
  });

  it('a copy of an old storage voids its stock and talks on under new sessions', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'one');
    await settle(alice, bob);
    const before = node.prekeys.get(`${bob.userId}/${bob.device}`)?.epoch ?? 0;
    await bob.engine.restored();
    await bob.engine.online();
    expect(node.prekeys.get(`${bob.userId}/${bob.device}`)?.epoch).toBe(before + 1);
    await bob.say(room, 'two');
    await settle(alice, bob);
    await alice.say(room, 'three');
    await settle(alice, bob);
    expect(alice.texts()).toEqual(['one', 'two', 'three']);
    expect(bob.texts()).toEqual(['one', 'two', 'three']);
  });
});

describe('healing', () => {
  it('a hand-over that was lost is asked for again, and the message is read', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    node.interference.queue = (items, viewer) => (viewer === bob.userId ? [] : items);
    await alice.say(room, 'lost key');
    await settle(bob);
    expect(bob.texts()).toEqual(['<no_key>']);
    node.queues.get(`${bob.userId}/${bob.device}`)?.items.splice(0);
    node.interference = {};
    await bob.engine.requests.tick();
    await settle(alice, bob);
    await settle(bob);
    expect(bob.texts()).toEqual(['lost key']);
    expect(bob.engine.requests.size).toBe(0);
  });

  it('a session that was lost on one side is begun anew, and the message is read', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'one');
    await bob.say(room, 'two');
    await settle(alice, bob);
    await bob.engine.sessions.clear();
    await alice.engine.encryptor.rotate(room);
    await alice.say(room, 'three');
    for (let round = 0; round < 3; round++) {
      await settle(bob, alice);
      await bob.engine.requests.tick();
    }
    expect(bob.texts()).toEqual(['one', 'two', 'three']);
  });

  it('what could not be read is read after a restart too', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    node.interference.queue = (items, viewer) => (viewer === bob.userId ? [] : items);
    await alice.say(room, 'later');
    await settle(bob);
    bob.stop();
    node.interference = {};
    const again = new Actor(bob.person, bob.keys, { storage: bob.storage, now });
    actors.push(again);
    const decrypted = again.events.next('decrypted');
    await again.engine.online();
    expect((await decrypted).message.content['text']).toBe('later');
  });

  it('repeats of queue items and messages change nothing', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const room = await alice.createPrivate(bob);
    let seen: Parameters<NonNullable<ScriptedNode['interference']['queue']>>[0] = [];
    node.interference.queue = (items, viewer) => {
      if (viewer !== bob.userId) return items;
      if (items.length > 0) seen = [...items];
      return items;
    };
    await alice.say(room, 'once');
    await settle(bob);
    const queue = node.queues.get(`${bob.userId}/${bob.device}`);
    queue?.items.push(...seen.map((item) => ({ ...item, seq: queue.next++ })));
    await settle(bob);
    expect(bob.faults).toEqual([]);
    bob.hear(structuredClone(log(room)[0] as DeliveredMessage));
    await settle(bob);
    expect(bob.texts()).toEqual(['once', 'once']);
    expect(canonicalJson(await bob.engine.archive.ids(room))).toBe(canonicalJson(log(room).map(({ id }) => id)));
  });
});
