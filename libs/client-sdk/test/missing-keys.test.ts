import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import type { DeliveredMessage, KeyPayload } from '@dcp/protocol';
import { MemoryStorage, type Storage } from '../src/storage/storage.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** Where a sender key comes from when its hand-over was lost: its owner, his backup, his other devices, other members. */

beforeAll(ready);
let node: ScriptedNode;
let actors: Actor[];
let room: string;
let time: number;
beforeEach(() => {
  node = new ScriptedNode();
  actors = [];
  time = Date.now();
});
afterEach(() => actors.forEach((actor) => actor.stop()));

async function people(...names: string[]): Promise<Actor[]> {
  for (const name of names) actors.push(await new Person(node, name).device({ now: () => time }));
  return actors.slice(-names.length);
}

async function settle(): Promise<void> {
  for (let round = 0; round < 2; round++) for (const one of actors) await one.settled();
}

/** Everybody who misses a key asks once more, however long he had to wait. */
async function askAgain(rounds = 1): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    time += 600_000;
    for (const one of actors) await one.engine.requests.tick();
    await settle();
  }
}

/** What is handed over to `loser` gets lost. */
function lose(loser: Actor): void {
  node.interference.queue = (items, viewer) => (viewer === loser.userId ? [] : items);
}

function findAgain(loser: Actor): void {
  node.interference = {};
  const queue = node.queues.get(`${loser.userId}/${loser.device}`);
  if (queue !== undefined) queue.items = [];
}

async function copyOf({ storage }: { storage: Storage }): Promise<Storage> {
  const copy = new MemoryStorage();
  for (const key of await storage.keys('')) await copy.set(key, await storage.get(key));
  return copy;
}

/** The device comes back from an old copy of its storage. */
async function restore(old: Actor, copy: Storage): Promise<Actor> {
  old.stop();
  const restored = new Actor(old.person, old.keys, { storage: copy, now: () => time });
  actors.splice(actors.indexOf(old), 1, restored);
  await restored.engine.restored();
  await restored.engine.online();
  return restored;
}

/** The account's sealed backup without its sender keys. */
function emptyBackup(userId: string): void {
  for (const id of node.backups.get(userId)?.keys() ?? [])
    if (id.startsWith('sk_')) node.backups.get(userId)?.delete(id);
}

const lastText = (): DeliveredMessage => {
  const found = node.channel(room).log.findLast(({ type }) => type !== 'system');
  if (found === undefined) throw new Error('nothing was said');
  return found;
};

const question = (message: DeliveredMessage, more: object = {}): KeyPayload => ({
  t: 'ask',
  channel_id: room,
  key_id: message.encryption.key_id,
  n: message.encryption.n ?? 0,
  seq: message.node.seq,
  ...more,
});

describe('a sender key that was lost on its way', () => {
  it('[DCP-6.3-04] is handed over again by an owner who came back from an old copy and never heard of it', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    await settle();
    const copy = await copyOf(alice);
    lose(bob);
    await alice.say(room, 'since the copy');
    await settle();
    expect(bob.texts()).toEqual(['<no_key>']);
    findAgain(bob);
    await restore(alice, copy);
    await askAgain();
    expect(bob.texts()).toEqual(['since the copy']);
  });

  it('is handed over again by an owner whose old copy knows the key, but not who got it', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob);
    await alice.say(room, 'before carol');
    await settle();
    const copy = await copyOf(alice);
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    lose(carol);
    await alice.say(room, 'with carol');
    await settle();
    findAgain(carol);
    await restore(alice, copy);
    await askAgain();
    expect(carol.texts()).toEqual(['with carol']);
  });

  it('is handed over again by an owner from an old copy who knows the key and who got it, without any backup', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    lose(bob);
    await alice.say(room, 'before the copy');
    await settle();
    const copy = await copyOf(alice);
    findAgain(bob);
    emptyBackup(alice.userId);
    await restore(alice, copy);
    await askAgain();
    expect(bob.texts()).toEqual(['before the copy']);
  });

  it('comes from another member when its owner has lost it for good', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob, carol);
    await settle();
    const copy = await copyOf(alice);
    lose(bob);
    await alice.say(room, 'only carol has it');
    await settle();
    await carol.engine.backup.flush();
    findAgain(bob);
    emptyBackup(alice.userId);
    await restore(alice, copy);
    await askAgain(3);
    expect(bob.texts()).toEqual(['only carol has it']);
  });

  it('comes to a device that wrote it itself and came back from an old copy, when even its backup is gone', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    await settle();
    const copy = await copyOf(alice);
    await alice.say(room, 'who said that?');
    await settle();
    await bob.engine.backup.flush();
    emptyBackup(alice.userId);
    const restored = await restore(alice, copy);
    node.replay(restored, room, 3);
    await settle();
    expect(restored.texts()).toEqual(['<no_key>']);
    await askAgain(2);
    expect(restored.texts()).toEqual(['who said that?']);
  });

  it('[DCP-12.3-06] is in the own backup before anything is said under it', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    await alice.say(room, 'at once');
    expect([...(node.backups.get(alice.userId)?.keys() ?? [])]).toContain(lastText().encryption.key_id);
  });

  it('[DCP-12.3-06] is read out of the backup at once by a device whose hand-over was lost', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    const laptop = await bob.person.device({ now: () => time });
    actors.push(laptop);
    room = await alice.createPrivate(bob);
    await settle();
    node.listeners.delete(laptop);
    await alice.say(room, 'to both');
    await bob.settled();
    await bob.engine.backup.flush();
    findAgain(laptop);
    node.listeners.add(laptop);
    node.replay(laptop, room, 3);
    await settle();
    expect([bob.texts(), laptop.texts()]).toEqual([['to both'], ['to both']]);
    expect(laptop.unreadAtFirst).toEqual([]);
  });

  it('[DCP-12.3-06] a new device reads what its user said before it came, though nothing was backed up', async () => {
    const [alice] = (await people('alice')) as [Actor];
    room = await alice.createPrivate();
    await alice.say(room, 'my own words');
    await settle();
    emptyBackup(alice.userId);
    const laptop = await alice.person.device({ now: () => time });
    actors.push(laptop);
    await alice.engine.encryptor.rotate(room);
    const [shown] = await laptop.engine.reader.readPage([lastText()]);
    expect(shown?.undecryptable).toEqual({ reason: 'no_key' });
    await askAgain();
    const [again] = await laptop.engine.reader.readPage([lastText()]);
    expect(again?.content['text']).toBe('my own words');
  });

  it('a key that has expired since on this device comes back from the backup', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    await settle();
    for (const text of ['first', 'second', 'third']) await alice.say(room, text);
    await settle();
    await bob.engine.backup.flush();
    const tablet = await bob.person.device({ now: () => time });
    actors.push(tablet);
    const [first, , third] = node.channel(room).log.filter(({ type }) => type !== 'system');
    if (first === undefined || third === undefined) throw new Error('nothing was said');
    expect((await tablet.engine.reader.readPage([third]))[0]?.content['text']).toBe('third');
    time += 8 * 86_400_000;
    expect((await tablet.engine.reader.readPage([first]))[0]?.content['text']).toBe('first');
  });
});

describe('a sender key that is asked for', () => {
  it('[DCP-12.2-02] is not given to who came later, by nobody', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob);
    await alice.say(room, 'before carol');
    await settle();
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle();
    await bob.engine.backup.flush();
    const old = lastText();
    const of = { user_id: alice.userId, device: alice.device };
    await carol.engine.sessions.send([
      { userId: alice.userId, device: alice.device, payload: question(old) },
      { userId: bob.userId, device: bob.device, payload: question(old, of) },
    ]);
    await settle();
    expect((await carol.engine.reader.readPage([old]))[0]?.undecryptable).toEqual({ reason: 'no_key' });
  });

  it('[DCP-12.2-02] a question with the place of another message opens nothing', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob);
    await alice.say(room, 'before carol');
    await settle();
    const old = lastText();
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await alice.say(room, 'with carol');
    await settle();
    await bob.engine.backup.flush();
    const { seq } = lastText().node;
    const of = { user_id: alice.userId, device: alice.device };
    await carol.engine.sessions.send([
      { userId: alice.userId, device: alice.device, payload: { ...question(old), seq } as KeyPayload },
      { userId: bob.userId, device: bob.device, payload: { ...question(old, of), seq } as KeyPayload },
    ]);
    await settle();
    expect((await carol.engine.reader.readPage([old]))[0]?.undecryptable).toEqual({ reason: 'no_key' });
  });

  it('[DCP-12.2-02] nor does a message whose author’s words about the state were changed by the node', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob);
    await alice.say(room, 'before carol');
    await settle();
    const old = lastText();
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle();
    await bob.engine.backup.flush();
    const { log, state } = node.channel(room);
    log[log.indexOf(old)] = { ...old, encryption: { ...old.encryption, state: state.head ?? '' } };
    const of = { user_id: alice.userId, device: alice.device };
    await carol.engine.sessions.send([{ userId: bob.userId, device: bob.device, payload: question(old, of) }]);
    await settle();
    expect((await carol.engine.reader.readPage([old]))[0]?.undecryptable).toEqual({ reason: 'no_key' });
  });

  it('[DCP-12.2-02] a node that shows another past of the channel opens nothing', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob);
    await alice.say(room, 'before carol');
    await settle();
    const old = lastText();
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle();
    await bob.engine.backup.flush();
    // As if she had been let in before bob was.
    node.interference.state = ([created, invited, joined, hers, herJoin, ...more]) =>
      [created, invited, hers, herJoin, joined, ...more].filter((entry) => entry !== undefined);
    const of = { user_id: alice.userId, device: alice.device };
    await carol.engine.sessions.send([{ userId: bob.userId, device: bob.device, payload: question(old, of) }]);
    await settle();
    expect((await carol.engine.reader.readPage([old]))[0]?.undecryptable).toEqual({ reason: 'no_key' });
  });

  it('floods of questions are answered within bounds, and others still are', async () => {
    const [alice, bob, carol] = (await people('alice', 'bob', 'carol')) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob, carol);
    await settle();
    const copy = await copyOf(alice);
    await alice.say(room, 'hello');
    await settle();
    const restored = await restore(alice, copy);
    await settle();
    const ask = { userId: restored.userId, device: restored.device, payload: question(lastText()) };
    // The sessions of the old copy are gone: the first question begins new ones.
    for (const one of [bob, carol]) await one.engine.sessions.send([ask]);
    await settle();
    const flood = Array.from({ length: 200 }, () => ask);
    const before = node.calls['get_history'] ?? 0;
    let release = () => {};
    node.holds['get_history'] = new Promise((resolve) => (release = () => resolve()));
    await carol.engine.sessions.send(flood);
    await restored.engine.queue.drain();
    release();
    await settle();
    expect((node.calls['get_history'] ?? 0) - before).toBe(64);
    await bob.engine.sessions.send([ask]);
    const queued = node.queues.get(`${bob.userId}/${bob.device}`)?.next ?? 0;
    await settle();
    expect(node.queues.get(`${bob.userId}/${bob.device}`)?.next).toBeGreaterThan(queued);
  });
});

describe('a device that was revoked', () => {
  it('[DCP-12.3-07] reads nothing more, though it had the key out of the backup and nobody handed it one', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    for (const one of [alice, bob]) await one.say(room, 'before');
    await settle();
    for (const one of [alice, bob]) await one.engine.backup.flush();
    const laptop = await bob.person.device({ now: () => time });
    actors.push(laptop);
    expect(await laptop.engine.received.find(lastText().encryption.key_id)).toBeDefined();
    bob.person.revoke(laptop.keys);
    for (const one of [alice, bob]) await one.say(room, 'after');
    await settle();
    expect(laptop.texts()).toEqual(['<no_key>', '<no_key>']);
    expect(bob.texts().filter((text) => text === 'after')).toHaveLength(2);
  });
});

describe('the stream and the history of a channel', () => {
  it('read at the same time show the same words, each key opening its message once', async () => {
    const [alice, bob] = (await people('alice', 'bob')) as [Actor, Actor];
    room = await alice.createPrivate(bob);
    await settle();
    node.listeners.delete(bob);
    for (let n = 0; n < 20; n++) await alice.say(room, `word ${n}`);
    await bob.engine.queue.drain();
    node.listeners.add(bob);
    const texts = node.channel(room).log.filter(({ type }) => type !== 'system');
    node.replay(bob, room, 3);
    const pages = await Promise.all([bob.engine.reader.readPage(texts), bob.engine.reader.readPage(texts)]);
    await settle();
    const said = Array.from({ length: 20 }, (_, n) => `word ${n}`);
    for (const page of pages) expect(page.map(({ content }) => content['text'])).toEqual(said);
    expect(bob.texts()).toEqual(said);
  });
});
