import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, generateEd25519KeyPair, generateX25519KeyPair, ready, signDigest, toBase64 } from '@dcp/crypto';
import {
  messageSigningInput,
  signingInput,
  type DeliveredMessage,
  type DeviceEntry,
  type PrekeyBundle,
} from '@dcp/protocol';
import { newDevice } from '../src/session/device.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** A node, or somebody on the way, that lies: each lie gives its error and changes no state. */

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

/** What the socket of bob gets instead of alice's next message; then the message itself. */
async function deliveredInstead(
  change: (message: DeliveredMessage) => DeliveredMessage,
): Promise<(string | undefined)[]> {
  const room = await alice.createPrivate(bob);
  node.interference.deliver = (message, viewer) =>
    viewer === bob.userId && message.type === 'text' ? [change(structuredClone(message)), message] : [message];
  await alice.say(room, 'the truth');
  await settle(bob);
  return bob.texts();
}

function flipped(text: string, at = 20): string {
  const bytes = Buffer.from(text, 'base64');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return toBase64(bytes);
}

const withContent = (message: DeliveredMessage, ciphertext: string) => ({ ...message, content: { ciphertext } });
const resigned = (message: DeliveredMessage, by: Actor) => {
  const { signature: _signature, ...unsigned } = message;
  return { ...unsigned, signature: signDigest(by.keys.seed, messageSigningInput(unsigned)) } as DeliveredMessage;
};

describe('messages on the way', () => {
  it('[DCP-6.3-01] one flipped bit of the ciphertext is refused by the signature', async () => {
    const texts = await deliveredInstead((m) => withContent(m, flipped(String(m.content['ciphertext']))));
    expect(texts).toEqual(['<bad_signature>', 'the truth']);
  });

  it('truncated ciphertext, signed again by its author, is refused by the tag', async () => {
    const texts = await deliveredInstead((m) =>
      resigned(withContent(m, String(m.content['ciphertext']).slice(0, 96)), alice),
    );
    expect(texts).toEqual(['<tampered>', 'the truth']);
  });

  it('a message signed by another device, in its author’s name, is refused', async () => {
    expect(await deliveredInstead((m) => resigned(m, bob))).toEqual(['<bad_signature>', 'the truth']);
  });

  it('a message of a device that nobody certified is refused', async () => {
    const texts = await deliveredInstead((m) =>
      resigned(
        { ...m, device: 'dev_aaaaaaaaaaaaaaaa', encryption: { ...m.encryption, device: 'dev_aaaaaaaaaaaaaaaa' } },
        alice,
      ),
    );
    expect(texts).toEqual(['<unknown_device>', 'the truth']);
  });

  it('the encryption block of another device is refused', async () => {
    const texts = await deliveredInstead((m) => ({ ...m, encryption: { ...m.encryption, device: bob.device } }));
    expect(texts).toEqual(['<malformed>', 'the truth']);
  });

  it('a moved time, place in the chain, epoch or id is refused, even signed again: the ciphertext is bound to them', async () => {
    const room = await alice.createPrivate(bob);
    const moves: ((m: DeliveredMessage) => DeliveredMessage)[] = [
      (m) => ({ ...m, timestamp: new Date(Date.parse(m.timestamp) + 1).toISOString() }),
      (m) => ({ ...m, id: 'msg_aaaaaaaaaaaaaaaa' }),
      (m) => ({ ...m, encryption: { ...m.encryption, epoch: 7 } }),
      (m) => ({ ...m, encryption: { ...m.encryption, n: 9 } }),
    ];
    for (const move of moves) {
      node.interference.deliver = (message, viewer) =>
        viewer === bob.userId ? [resigned(move(structuredClone(message)), alice)] : [message];
      await alice.say(room, 'bound');
    }
    await settle(bob);
    expect(bob.texts()).toEqual(moves.map(() => '<tampered>'));
  });

  it('a message of another channel is refused there', async () => {
    const other = await bob.createPrivate(alice);
    const texts = await deliveredInstead((m) => resigned({ ...m, channel_id: other }, alice));
    expect(texts).toEqual(['<malformed>', 'the truth']);
  });

  it('swapped ciphertexts of two messages are refused', async () => {
    const room = await alice.createPrivate(bob);
    node.listeners.delete(bob);
    await alice.say(room, 'first');
    await alice.say(room, 'second');
    const [first, second] = node.channel(room).log.filter(({ type }) => type === 'text') as [
      DeliveredMessage,
      DeliveredMessage,
    ];
    bob.hear(resigned({ ...structuredClone(first), content: second.content }, alice));
    bob.hear(resigned({ ...structuredClone(second), content: first.content }, alice));
    await settle(bob);
    expect(bob.texts()).toEqual(['<tampered>', '<tampered>']);
  });

  it('the author’s copy cannot be replayed as something new', async () => {
    const bare = await new Person(node, 'carol').device({ archive: false });
    actors.push(bare);
    const room = await alice.createPrivate(bare);
    await alice.say(room, 'once');
    await settle(bare);
    node.replay(bare, room, 0);
    await settle(bare);
    expect(bare.texts()).toEqual(['once', '<replayed>']);
  });
});

describe('prekeys and queues', () => {
  const lies: [string, (bundle: PrekeyBundle, mine: () => string) => PrekeyBundle][] = [
    ['another exchange key in the signed prekey', (b, mine) => ({ ...b, signed: { ...b.signed, key: mine() } })],
    ['a signed prekey of another device', (b) => ({ ...b, signed: { ...b.signed, device: 'dev_aaaaaaaaaaaaaaaa' } })],
    ['a forged one-time prekey', (b, mine) => ({ ...b, one_time: b.one_time && { ...b.one_time, key: mine() } })],
    ['prekeys of another epoch', (b) => ({ ...b, epoch: b.epoch + 1 })],
    ['no post-quantum prekey (downgrade)', (b) => ({ ...b, kem: undefined })],
  ];
  it.each(lies)('[DCP-6.3-02] a bundle with %s opens no session and gives no key away', async (_name, lie) => {
    const mine = () => formatKey('x25519', generateX25519KeyPair().publicKey);
    const room = await alice.createPrivate(bob);
    const carol = await another('carol');
    await alice.changes.invite(room, carol.userId);
    await carol.changes.join(room);
    await settle(alice);
    node.interference.bundle = (bundle, viewer) =>
      viewer === alice.userId && bundle.user_id === carol.userId ? lie(bundle, mine) : bundle;
    await alice.say(room, 'for those who can');
    await settle(bob, carol);
    expect(alice.faults.some((fault) => fault.startsWith('keyFault') && fault.endsWith('carol'))).toBe(true);
    expect(bob.texts()).toEqual(['for those who can']);
    expect(carol.texts()).toEqual(['<no_key>']);
    expect(node.queues.get(`${carol.userId}/${carol.device}`)?.next).toBe(1);
  });

  it('a queue item that is corrupt, foreign or out of thin air opens nothing and stops nothing', async () => {
    const room = await alice.createPrivate(bob);
    const queue = node.queues.get(`${bob.userId}/${bob.device}`);
    const junk = (body: string, from_device = alice.device) => ({
      seq: (queue?.next ?? 0) && (queue as { next: number }).next++,
      id: 'k_junkjunkjunk',
      from_user: alice.userId,
      from_device,
      received_at: new Date().toISOString(),
      body,
    });
    queue?.items.push(
      junk('AAAA'),
      junk(toBase64(Buffer.alloc(500, 7))),
      junk('AQ==', 'dev_aaaaaaaaaaaaaaaa'),
      junk(''),
    );
    await alice.say(room, 'still here');
    await settle(bob);
    expect(bob.texts()).toEqual(['still here']);
    expect(bob.faults.length).toBeGreaterThanOrEqual(3);
  });

  it('a one-time prekey that is handed out twice fails closed, and heals', async () => {
    const carol = await another('carol');
    const [first, second] = [await alice.createPrivate(bob), await carol.createPrivate(bob)];
    let kept: PrekeyBundle | undefined;
    node.interference.bundle = (bundle) => {
      if (bundle.user_id !== bob.userId) return bundle;
      kept ??= bundle;
      return kept;
    };
    await alice.say(first, 'from alice');
    await settle(bob);
    await carol.say(second, 'from carol');
    for (let round = 0; round < 4; round++) {
      await settle(bob, carol, alice);
      await bob.engine.requests.tick();
    }
    expect(bob.faults).toContain('keyFault no_prekey carol');
    expect(bob.texts()).toEqual(['from alice', 'from carol']);
  });

  it('keys that the node withholds, repeats and reorders: what is there is read, the rest is asked for', async () => {
    const room = await alice.createPrivate(bob);
    node.interference.queue = (items, viewer) => (viewer === bob.userId ? [...items, ...items].toReversed() : items);
    await alice.say(room, 'mixed');
    await settle(bob);
    expect(bob.texts()).toEqual(['mixed']);
  });
});

describe('membership', () => {
  it('a ghost member that nobody let in gets no key, and nothing is sent there any more', async () => {
    const eve = await another('eve');
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'fine');
    const forged = structuredClone(
      node.channel(room).log.findLast(({ type }) => type === 'system'),
    ) as DeliveredMessage;
    const ghost = resigned(
      {
        ...forged,
        id: 'msg_ghostghostghostg',
        author: eve.userId,
        device: eve.device,
        prev_state: (await alice.engine.states.get(room)).head,
        content: {
          ...forged.content,
          actor: eve.userId,
          target: eve.userId,
          details: { identity_key: formatKey('ed25519', generateEd25519KeyPair().publicKey) },
        },
        node: { ...forged.node, seq: 99 },
      },
      eve,
    );
    alice.hear(ghost);
    await settle(alice);
    expect((await alice.engine.states.get(room)).members[eve.userId]).toBeUndefined();
    await alice.say(room, 'not for eve');
    expect(node.queues.get(`${eve.userId}/${eve.device}`)?.items).toEqual([]);
  });

  it('a state chain that the node bends is not believed: nothing is sent', async () => {
    const room = await alice.createPrivate(bob);
    const carol = await another('carol');
    await alice.changes.invite(room, carol.userId);
    node.interference.state = (entries, viewer) =>
      viewer === carol.userId ? entries.filter((_, i) => i !== 1) : entries;
    await expect(carol.changes.join(room)).rejects.toThrow('not believed');
    expect(carol.faults).toContain('channelConflict not_the_next_entry');
  });

  it('a hidden removal is noticed by the epoch of what others send', async () => {
    const carol = await another('carol');
    const room = await alice.createPrivate(bob, carol);
    await bob.say(room, 'one');
    await settle(alice, bob, carol);
    // The node keeps the removal from bob, in the stream and in the state.
    node.interference.deliver = (message, viewer) =>
      viewer === bob.userId && message.type === 'system' ? [] : [message];
    await alice.changes.kick(room, carol.userId);
    node.interference.state = (entries, viewer) => (viewer === bob.userId ? [] : entries);
    await alice.say(room, 'two');
    await settle(bob);
    expect(bob.texts()).toEqual(['one', 'two']);
    expect(bob.faults).toContain('channelConflict hidden_change');
    // He knows that he does not know: nothing is sent, so carol gets nothing.
    await expect(bob.say(room, 'three')).rejects.toThrow('hidden_change');
    node.interference = {};
    await bob.say(room, 'four');
    await settle(alice, carol);
    expect(alice.texts()).toEqual(['one', 'two', 'four']);
    expect(carol.texts()).toEqual(['one']);
  });
});

describe('device logs', () => {
  it('[DCP-12.3-05] a device that the node adds to a log by itself is not believed', async () => {
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'one');
    const eve = new Person(node, 'eve');
    const own = bob.person.log;
    const { entry } = newDevice({ ...eve.identity, file: bob.person.identity.file }, own.at(-1), 'spy');
    node.interference.log = (log, user, viewer) =>
      user === bob.userId && viewer === alice.userId ? [...log, entry] : log;
    alice.engine.directory.noteChange(bob.userId);
    await expect(alice.say(room, 'two')).rejects.toMatchObject({
      details: { reason: 'device_conflict', user_id: bob.userId, fault: 'bad_signature' },
    });
    expect(alice.faults).toContain('deviceConflict bad_signature bob');
  });

  it('a log that is rewritten is a fork: sending stops, with a warning', async () => {
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'one');
    const second = await bob.person.device();
    actors.push(second);
    await alice.engine.directory.reread(bob.userId);
    const other = newDevice(bob.person.identity, bob.person.log[0], 'other history').entry;
    const third = newDevice(bob.person.identity, other, 'and on').entry;
    node.interference.log = (log, user, viewer) =>
      user === bob.userId && viewer === alice.userId ? [log[0] as DeviceEntry, other, third] : log;
    alice.engine.directory.noteChange(bob.userId);
    await expect(alice.say(room, 'two')).rejects.toMatchObject({ details: { fault: 'fork' } });
  });

  it('two logs shown to two people are noticed as soon as they talk', async () => {
    const room = await alice.createPrivate(bob);
    await alice.say(room, 'one');
    await settle(alice, bob);
    // The node hides from alice that bob has a new device.
    node.interference.log = (log, user, viewer) =>
      user === bob.userId && viewer === alice.userId ? log.slice(0, 1) : log;
    actors.push(await bob.person.device());
    bob.engine.directory.noteChange(bob.userId);
    await bob.say(room, 'from bob');
    await settle(alice);
    expect(alice.texts()).toEqual(['one', 'from bob']);
    expect(alice.faults).toContain('deviceConflict unknown_head bob');
    await expect(alice.say(room, 'two')).rejects.toMatchObject({ details: { reason: 'device_conflict' } });
  });

  it('what third parties see differently is told without stopping anybody', async () => {
    const carol = await another('carol');
    const room = await alice.createPrivate(bob, carol);
    await alice.say(room, 'one');
    node.interference.log = (log, user, viewer) =>
      user === carol.userId && viewer === alice.userId ? log.slice(0, 1) : log;
    actors.push(await carol.person.device());
    bob.engine.directory.noteChange(carol.userId);
    await bob.say(room, 'from bob');
    await settle(alice);
    expect(alice.faults).toContain('headMismatch carol');
    await alice.say(room, 'goes on');
  });

  it('an identity key that changes stops sending until the user accepts it', async () => {
    const dm = await alice.dm(bob);
    await alice.say(dm, 'one');
    const other = formatKey('ed25519', generateEd25519KeyPair().publicKey);
    node.interference.identityKey = (key, user, viewer) =>
      user === bob.userId && viewer === alice.userId ? other : key;
    alice.engine.directory.noteChange(bob.userId);
    await expect(alice.say(dm, 'two')).rejects.toMatchObject({ details: { fault: 'identity_changed' } });
    node.interference = {};
    await alice.engine.directory.forget(bob.userId);
    await alice.say(dm, 'three');
    await settle(bob);
    expect(bob.texts()).toEqual(['one', 'three']);
  });

  it('a device certificate that was forged, cut out or out of order is refused', async () => {
    const { entry } = newDevice(bob.person.identity, bob.person.log.at(-1), 'real');
    const forged: [string, DeviceEntry][] = [
      ['bad_signature', { ...entry, exchange_key: formatKey('x25519', generateX25519KeyPair().publicKey) }],
      ['bad_entry', { ...entry, seq: 9 }],
      ['fork', { ...entry, prev: `sha256:${'0'.repeat(64)}` }],
      ['bad_entry', { ...entry, user_id: alice.userId }],
      ['bad_entry', signedEntry({ ...entry, device: bob.device })],
    ];
    for (const [fault, bad] of forged) {
      node.interference.log = (log, user, viewer) =>
        user === bob.userId && viewer === alice.userId ? [...log, bad] : log;
      await alice.engine.directory.forget(bob.userId);
      await alice.engine.directory.logs([bob.userId]);
      expect([bad.seq, await alice.engine.directory.conflict(bob.userId)]).toEqual([bad.seq, fault]);
    }
  });
});

function signedEntry(entry: DeviceEntry): DeviceEntry {
  const { signature: _signature, ...unsigned } = entry;
  return {
    ...unsigned,
    signature: signDigest(bob.person.identity.seed, signingInput('DEVICE', unsigned)),
  } as DeviceEntry;
}
