import { expect, it } from '@jest/globals';
import { encapsulate, randomBytes } from 'node:crypto';
import { conformance, ownNode } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { ExchangeKey, kemPublicKey } from '../stranger/agreement-keys.js';
import type { ClientSocket } from '../stranger/client-socket.js';
import { Device, deviceLog, type OwnPrekey } from '../stranger/device.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { rawKey } from '../stranger/keys.js';
import { acceptSession, beginSession, pairKeys, type PairParty } from '../stranger/pair-session.js';
import { type Bundle, claim, type Prekey, publish } from '../stranger/prekeys.js';
import { dmIdOf, sealedPost, SealedRoom } from '../stranger/private-channel.js';
import type { Ratchet } from '../stranger/ratchet.js';
import { newSenderKey, openFrom } from '../stranger/sealed-message.js';

interface Item extends Dict {
  seq: number;
  id: string;
  body: string;
}

function keyMessage(to: Device, body: Buffer | string = randomBytes(90), id = `km_${randomName(20)}`): Dict {
  return { ...to.reference, id, body: Buffer.from(body).toString('base64') };
}

async function fetch(socket: ClientSocket, after = 0, limit?: number): Promise<{ items: Item[]; has_more: boolean }> {
  const page = await socket.ack('fetch_keys', { after, ...(limit === undefined ? {} : { limit }) });
  return page as unknown as { items: Item[]; has_more: boolean };
}

conformance('§12.2 the queue of a device', (node) => {
  const device = () => Device.signUpDevice(node);

  /** A device has a queue once it has published prekeys. */
  async function ready(one: Device): Promise<ClientSocket> {
    const socket = await one.connect();
    await publish(socket, [one.prekey('signed', 1)]);
    return socket;
  }

  it('what is sent to a device waits for it, and for no other; it is fetched in order and then gone', async () => {
    const [alice, bob] = [await device(), await device()];
    const laptop = await Device.of(bob);
    const [his, other] = [await ready(bob), await ready(laptop)];
    const hers = await alice.connect();
    const messages = Array.from({ length: 5 }, () => keyMessage(bob));
    expect(await hers.ack('send_keys', { messages: messages.slice(0, 3) })).toEqual({ unknown: [], full: [] });
    await his.event('device_queue', { head: 3 });
    await hers.ack('send_keys', { messages: messages.slice(3) });
    await his.event('device_queue', { head: 5 });
    const first = await fetch(his, 0, 2);
    expect(first).toMatchObject({ has_more: true, items: [{ seq: 1 }, { seq: 2 }] });
    const rest = await fetch(his, 2);
    expect(rest.has_more).toBe(false);
    const items = [...first.items, ...rest.items];
    expect(items.map(({ seq, id, body }) => ({ seq, id, body }))).toEqual(
      messages.map(({ id, body }, i) => ({ seq: i + 1, id, body })),
    );
    for (const item of items) {
      expect(item).toMatchObject({ from_user: alice.userId, from_device: alice.id, received_at: expect.any(String) });
    }
    await his.ack('ack_keys', { up_to: 3 });
    expect((await fetch(his)).items.map(({ seq }) => seq)).toEqual([4, 5]);
    expect((await fetch(other)).items).toEqual([]);
    await other.ack('ack_keys', { up_to: 5 });
    expect((await fetch(his)).items).toHaveLength(2);
    expect(other.heard.filter(({ event }) => event === 'device_queue')).toEqual([]);
  });

  it('sending again under the same id queues nothing twice, before it was taken and after', async () => {
    const [alice, bob] = [await device(), await device()];
    const [hers, his] = [await alice.connect(), await ready(bob)];
    const message = keyMessage(bob);
    await Promise.all([1, 2, 3].map(() => hers.ack('send_keys', { messages: [message] })));
    expect((await fetch(his)).items).toHaveLength(1);
    await his.ack('ack_keys', { up_to: 1 });
    await hers.ack('send_keys', { messages: [message] });
    expect((await fetch(his)).items).toEqual([]);
    // The id is the sending device's own: somebody else's does not collide.
    await (await (await device()).connect()).ack('send_keys', { messages: [message] });
    expect((await fetch(his)).items.map(({ seq }) => seq)).toEqual([2]);
  });

  it('two who send at once each find their messages in their own order', async () => {
    const [alice, carol, bob] = [await device(), await device(), await device()];
    const his = await ready(bob);
    const senders = [await alice.connect(), await carol.connect()];
    const send = async (socket: ClientSocket, who: number) => {
      for (let i = 0; i < 10; i++)
        await socket.ack('send_keys', { messages: [keyMessage(bob, 'x', `from_${who}_${100 + i}`)] });
    };
    await Promise.all(senders.map(send));
    const { items } = await fetch(his);
    expect(items.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    for (const who of [0, 1]) {
      const ids = items.flatMap(({ id }) => (id.startsWith(`from_${who}_`) ? id : []));
      expect(ids).toEqual([...ids].sort());
    }
  });

  it('a device that is not known is named, the others get theirs; too much at once is refused whole', async () => {
    const [alice, bob] = [await device(), await device()];
    const [hers, his] = [await alice.connect(), await ready(bob)];
    const nobody = { user_id: bob.userId, device: `dev_${randomName(16)}` };
    const lost = { ...keyMessage(bob), ...nobody };
    expect(await hers.ack('send_keys', { messages: [lost, keyMessage(bob)] })).toEqual({ unknown: [nobody], full: [] });
    expect((await fetch(his)).items).toHaveLength(1);
    const large = Buffer.alloc(44_000);
    const messages = Array.from({ length: 4 }, () => keyMessage(bob, large));
    const { details } = await hers.refused('send_keys', { messages }, 'MESSAGE_TOO_LARGE');
    expect(details['max_size']).toBe(196_608);
    const many = Array.from({ length: 65 }, () => keyMessage(bob));
    await hers.refused('send_keys', { messages: many }, 'INVALID_MESSAGE_FORMAT');
    const one = [keyMessage(bob, Buffer.alloc(45_003))];
    await hers.refused('send_keys', { messages: one }, 'INVALID_MESSAGE_FORMAT');
    await hers.refused('send_keys', { messages: [{ ...keyMessage(bob), id: 'SHORT' }] }, 'INVALID_MESSAGE_FORMAT');
    expect((await fetch(his)).items).toHaveLength(1);
  });

  it('[DCP-6.3-02] a stranger’s first message to who is away, by the paper alone, and the message it unlocks', async () => {
    const [alice, bob] = [await device(), await device()];
    const stock = bob.stock(2);
    const before = await bob.connect();
    await publish(before, stock);
    before.raw.break();
    const hers = await alice.connect();
    const room = new SealedRoom(`@${bob.userId}`, dmIdOf(alice.userId, bob.userId), undefined);
    await hers.ack('create_channel', { channel: room.channel });
    const [bundle] = (await claim(hers, bob)).bundles;
    if (bundle === undefined) throw new Error('no bundle');
    const key = newSenderKey();
    const payload = { t: 'key', channel_id: room.channel_id, epoch: 0, key_id: key.keyId, n: 0 };
    const session = begin(alice, await partyOf(alice, bob), bundle);
    const handOver = { ...payload, chain: key.chain.toString('base64') };
    await hers.ack('send_keys', { messages: [keyMessage(bob, session.send(Buffer.from(JSON.stringify(handOver))))] });
    const message = sealedPost(alice, room, key, { text: 'for you alone', format: 'plain' });
    await hers.ack('send_message', { ...message, channel: room.channel });

    const his = await bob.connect();
    const [item] = (await fetch(his)).items;
    const first = Buffer.from(item?.body ?? '', 'base64');
    const own = { exchange: bob.exchange, ...privateHalves(stock, bundle) };
    const accepted = acceptSession(first, await partyOf(bob, alice), ownParty(bob), own);
    const handed = JSON.parse(accepted.session.open(first).toString()) as { chain: string };
    const { messages } = await his.ack('get_history', { channel: `@${alice.userId}` });
    const [got] = messages as Dict[];
    expect(openFrom(got ?? {}, Buffer.from(handed.chain, 'base64'))).toMatchObject({ text: 'for you alone' });

    // And back, under a ratchet that has turned.
    await publish(hers, [alice.prekey('signed', 1)]);
    await his.ack('send_keys', { messages: [keyMessage(alice, accepted.session.send(Buffer.from('{"t":"ping"}')))] });
    const [answer] = (await fetch(hers)).items;
    expect(session.open(Buffer.from(answer?.body ?? '', 'base64')).toString()).toBe('{"t":"ping"}');
  });

  function ownParty(one: Device): PairParty {
    return { userId: one.userId, device: one.id, signingKey: rawKey(one.key.publicKey), exchangeKey: one.exchange.raw };
  }

  /** As the reader finds it in the other's device log. */
  async function partyOf(reader: Actor, other: Device): Promise<PairParty> {
    const entries = await deviceLog(reader, other.userId);
    const entry = entries.find(({ device: id, action }) => id === other.id && action === 'add');
    const raw = (name: string) => Buffer.from(String(entry?.[name]).split(':')[1] ?? '', 'base64');
    return { userId: other.userId, device: other.id, signingKey: raw('signing_key'), exchangeKey: raw('exchange_key') };
  }

  function begin(from: Device, to: PairParty, { epoch, signed, one_time, kem }: Bundle): Ratchet {
    if (one_time === undefined || kem === undefined) throw new Error('an incomplete bundle');
    const raw = ({ key }: Prekey) => Buffer.from(key.split(':')[1] ?? '', 'base64');
    const ephemeral = new ExchangeKey();
    const secret = encapsulate(kemPublicKey(raw(kem)));
    const dhs = [
      from.exchange.agree(raw(signed)),
      ephemeral.agree(to.exchangeKey),
      ephemeral.agree(raw(signed)),
      ephemeral.agree(raw(one_time)),
    ];
    const keys = pairKeys(ownParty(from), to, dhs, { key: raw(kem), secret: secret.sharedKey });
    const ids = {
      epoch,
      signedId: signed.id,
      oneTimeId: one_time.id,
      kem: { id: kem.id, ciphertext: secret.ciphertext },
    };
    const handshake = { ...ids, exchangeKey: from.exchange.raw, ephemeral: ephemeral.raw };
    return beginSession(keys, handshake, raw(signed));
  }

  function privateHalves(stock: OwnPrekey[], { signed, one_time, kem }: Bundle) {
    const own = (part: Prekey | undefined) =>
      stock.find(({ published }) => published.kind === part?.kind && published.id === part.id);
    const [lasting, once, postQuantum] = [own(signed)?.exchange, own(one_time)?.exchange, own(kem)?.kem];
    if (lasting === undefined) throw new Error('not my prekey');
    return { signed: lasting, oneTime: once, kem: postQuantum };
  }
});

ownNode('§12.2 a small queue', { env: { DCP_MAX_QUEUE_ITEMS: '3' } }, (node) => {
  it('a full queue is named, and takes none of what stands behind in the same call', async () => {
    const [alice, bob, carol] = [
      await Device.signUpDevice(node),
      await Device.signUpDevice(node),
      await Device.signUpDevice(node),
    ];
    const [his, hers] = [await bob.connect(), await carol.connect()];
    await publish(his, [bob.prekey('signed', 1)]);
    await publish(hers, [carol.prekey('signed', 1)]);
    const socket = await alice.connect();
    const messages = [...Array.from({ length: 5 }, () => keyMessage(bob)), keyMessage(carol)];
    expect(await socket.ack('send_keys', { messages })).toEqual({ unknown: [], full: [bob.reference] });
    const { items } = await fetch(his);
    expect(items.map(({ id }) => id)).toEqual(messages.slice(0, 3).map(({ id }) => id));
    expect((await fetch(hers)).items).toHaveLength(1);
    await his.ack('ack_keys', { up_to: 3 });
    expect(await socket.ack('send_keys', { messages })).toEqual({ unknown: [], full: [] });
    expect((await fetch(his)).items.map(({ id }) => id)).toEqual(messages.slice(3, 5).map(({ id }) => id));
  });
});
