import { beforeAll, expect, it, jest } from '@jest/globals';
import { threeNodes } from '../local/three-nodes.js';
import { Actor, type Room } from '../stranger/actor.js';
import { Device } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import { admitFromAfar, historyWith, joinAfar, type Line, messagesOf } from '../stranger/far-room.js';
import type { Dict } from '../stranger/json.js';
import { createSealed, postSealed, sealedPost } from '../stranger/private-channel.js';
import { Rest } from '../stranger/rest.js';
import { newSenderKey, openFrom } from '../stranger/sealed-message.js';

jest.setTimeout(300_000);

/** Somebody, and the channel as it is called at his node. */
interface Seat {
  person: Actor;
  room: Room;
}

threeNodes('§16.2 three home nodes', ({ north, south, west }) => {
  let alice: Actor;
  let bob: Actor;
  let carol: Actor;

  beforeAll(async () => {
    [alice, bob, carol] = [await Actor.register(north), await Actor.register(south), await Actor.register(west)];
  });

  /** A channel of the first node with one member at each. */
  async function meeting(): Promise<[Seat, Seat, Seat]> {
    const room = await alice.createChannel();
    const [his, hers] = [await joinAfar(bob, room, 'northnod'), await joinAfar(carol, room, 'northnod')];
    return [
      { person: alice, room },
      { person: bob, room: his },
      { person: carol, room: hers },
    ];
  }

  /** Writes, and returns the id; `state` is what his node says: `queued` while the home is away. */
  async function write({ person, room }: Seat, state = 'ordered'): Promise<string> {
    const message = person.message(room);
    const answer = await person.rest.post(`/channels/${room.channel_id}/messages`, message);
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201, body: { state } });
    return String(message['id']);
  }

  /** Each has each message once, and all have one order. Returns it. */
  async function inOneOrder(seats: Seat[], ids: string[]): Promise<Line[]> {
    const [first = [], ...others] = await Promise.all(seats.map(({ person, room }) => historyWith(person, room, ids)));
    expect(first.map(({ id }) => id).sort()).toEqual([...ids].sort());
    for (const lines of others) expect(lines).toEqual(first);
    const numbers = first.map(({ seq }) => seq);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    return first;
  }

  it('[DCP-16.2-04] [DCP-3.1-01] users of three nodes, each at his own node only, hear each other in one order', async () => {
    const seats = await meeting();
    const sockets = await Promise.all(seats.map(({ person }) => person.connect()));
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) ids.push(...(await Promise.all(seats.map((seat) => write(seat)))));
    await inOneOrder(seats, ids);
    for (const socket of sockets) {
      for (const id of ids) await socket.message(id);
      const heard = socket.heard.filter(({ event }) => event === 'message').map(({ data }) => data['message'] as Dict);
      const texts = heard.filter(({ type }) => type !== 'system');
      expect(texts.map(({ id }) => String(id)).sort()).toEqual([...ids].sort());
    }
  });

  it('[DCP-2-01] a user logs in at his home only; every other node knows him from there', async () => {
    const lost = new Actor(south, south.url(), alice.identityKey, alice.file);
    const proof = lost.proof(await lost.challenge());
    expectRefused(await new Rest(lost.url).post('/auth/proof', proof), 'INVALID_CREDENTIALS');
    const { status, body } = await bob.rest.get(`/users/${alice.userId}`);
    expect({ status, body }).toMatchObject({ status: 200, body: { public_key: alice.identityKey.publicKey } });
  });

  it('[DCP-16.2-04] a private channel of three nodes: each opens what the others sealed, no node tells more', async () => {
    const ann = await Device.signUpDevice(north);
    const guests = [await Device.signUpDevice(south), await Device.signUpDevice(west)];
    const room = await createSealed(ann);
    for (const guest of guests) await admitFromAfar(ann, guest, room);
    const keys = new Map<string, ReturnType<typeof newSenderKey>>();
    const sent: Dict[] = [];
    for (const person of [ann, ...guests]) {
      const key = newSenderKey();
      keys.set(person.userId, key);
      const message = sealedPost(person, room, key, { text: `from ${person.userId}`, format: 'plain' });
      const { status, body } = await postSealed(person, room, message);
      expect({ status, body }).toMatchObject({ status: 201 });
      sent.push(message);
    }
    const ids = sent.map(({ id }) => String(id));
    await inOneOrder(
      [ann, ...guests].map((person) => ({ person, room })),
      ids,
    );
    for (const reader of [ann, ...guests]) {
      for (const message of await messagesOf(reader, room)) {
        const author = String(message['author']);
        const chain = keys.get(author)?.chain ?? Buffer.alloc(0);
        expect(openFrom(message, chain)).toMatchObject({ text: `from ${author}` });
        expect(JSON.stringify(message)).not.toContain('from ');
      }
    }
  });

  it('[DCP-1.1-01] without any one node the others go on; when it is back it has everything once, in the same order', async () => {
    const seats = await meeting();
    const [hers, his, afar] = seats;
    const ids = [await write(hers), await write(his), await write(afar)];
    await inOneOrder(seats, ids);
    for (const [gone, left] of [
      [west, [hers, his]],
      [south, [hers, afar]],
    ] as const) {
      await gone.kill();
      for (let round = 0; round < 3; round++) for (const seat of left) ids.push(await write(seat));
      await inOneOrder([...left], ids);
      await gone.start();
      await inOneOrder(seats, ids);
    }
  });

  it('[DCP-1.1-01] without the channel’s home the others read it; what they write waits, and is there once when it is back', async () => {
    const seats = await meeting();
    const [hers, his, afar] = seats;
    const before = [await write(hers), await write(his), await write(afar)];
    const order = await inOneOrder(seats, before);
    await north.kill();
    expect(await inOneOrder([his, afar], before)).toEqual(order);
    const [own, others] = [await bob.createChannel(), await carol.createChannel()];
    await write({ person: bob, room: own });
    await write({ person: carol, room: others });
    // A channel of one of the two lives on with both of them in it.
    const guest = { person: carol, room: await joinAfar(carol, own, 'southnod') };
    const late = await write(guest);
    await historyWith(bob, own, [late]);
    const waiting = [await write(his, 'queued'), await write(his, 'queued'), await write(afar, 'queued')];
    await north.start();
    const after = await inOneOrder(seats, [...before, ...waiting]);
    expect(after.slice(0, before.length)).toEqual(order);
    const bobs = after.filter(({ author }) => author === bob.userId).map(({ id }) => id);
    expect(bobs.slice(-2)).toEqual(waiting.slice(0, 2));
  });
});
