import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { newMessageId } from '../stranger/actor.js';
import { Device, deviceLog, entryHash } from '../stranger/device.js';
import { expectErrorBody } from '../stranger/errors.js';
import { type Dict, jcs } from '../stranger/json.js';
import { objectDigest, signedView, verifies } from '../stranger/keys.js';
import {
  act,
  createSealed,
  postSealed,
  roomOf,
  sealedPost,
  SealedRoom,
  stateEntry,
} from '../stranger/private-channel.js';
import { until } from '../stranger/until.js';
import { headOf, newSenderKey, openFrom, sealInto } from '../stranger/sealed-message.js';

conformance('§6.3 encrypted messages', (node) => {
  const device = () => Device.signUpDevice(node);

  /** Refused over REST and over a socket, with the code and the details. */
  async function refused(author: Device, room: SealedRoom, message: Dict, error: Dict): Promise<void> {
    const answer = await postSealed(author, room, message);
    expect(answer.body['error']).toMatchObject(error);
    const socket = await author.connect();
    const frame = await socket.ask('send_message', { ...message, channel: room.channel_id });
    expect(frame.error).toMatchObject(error);
    expectErrorBody(frame.error, frame.error?.code ?? 'INTERNAL_ERROR');
  }

  it('[DCP-6.3-01] what one member seals the other opens, byte for byte as it was signed, with its place in the log', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const [hers, his] = [await alice.connect(), await bob.connect()];
    const key = newSenderKey();
    const base = { ...fields(alice, room), metadata: {} };
    const heads = await Promise.all([alice, bob].map(async (one) => headOf(one.userId, await logHead(one))));
    const content = { text: 'für dich 🐟', format: 'plain', mentions: [bob.userId] };
    const message = alice.sign(sealInto(base, key, 0, content, heads, room.head));
    const { seq } = await hers.ack('send_message', { ...message, channel: room.channel_id });
    const { message: got } = await his.message(String(message['id']));
    expect(jcs(signedView(got))).toBe(jcs(signedView(message)));
    expect(got['signature']).toBe(message['signature']);
    expect(got['node']).toMatchObject({ seq });
    const opened = openFrom(got, key.chain);
    expect(opened).toMatchObject(content);
    expect(Buffer.from(String(opened['heads']), 'base64')).toEqual(Buffer.concat(heads));
    const { body } = await bob.rest.get<{ messages: Dict[] }>(`/channels/${room.channel_id}/messages?limit=1`);
    const [kept = {}] = body.messages;
    expect(jcs(signedView(kept))).toBe(jcs(signedView(message)));
    const [entry] = await deviceLog(bob, alice.userId);
    expect(
      verifies(String(entry?.['signing_key']), objectDigest('MESSAGE', signedView(kept)), String(kept['signature'])),
    ).toBe(true);
    expect(JSON.stringify([his.heard, body])).not.toContain('dich');
  });

  async function logHead(person: Device): Promise<string> {
    return entryHash((await deviceLog(person)).at(-1) ?? {});
  }

  function fields(author: Device, room: SealedRoom): Dict {
    return {
      id: newMessageId(),
      type: 'text',
      timestamp: new Date().toISOString(),
      author: author.userId,
      device: author.device,
      channel_id: room.channel_id,
    };
  }

  it('[DCP-6.3-04] one key seals for all, whatever came in between; who got it later opens only from there', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const his = await bob.connect();
    const key = newSenderKey();
    const sent = Array.from({ length: 5 }, (_, i) => sealedPost(alice, room, key, { text: `number ${i}` }));
    for (const i of [0, 4, 2, 1, 3]) await postSealed(alice, room, sent[i] ?? {});
    const later = newSenderKey();
    for (const [i, message] of sent.entries()) {
      const got = await his.message(String(message['id']));
      expect(openFrom(got.message, key.chain)).toMatchObject({ text: `number ${i}` });
      expect(() => openFrom(got.message, later.chain)).toThrow();
    }
  });

  it('a message of each of the five sizes is taken, and says nothing else about its length', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const his = await bob.connect();
    const key = newSenderKey();
    for (const [size, lengths] of [
      [256, [1, 10, 100]],
      [1_024, [500]],
      [4_096, [2_000]],
      [16_384, [9_000]],
      [45_056, [45_000]],
    ] as const) {
      for (const length of lengths) {
        const message = sealedPost(alice, room, key, { text: 'x'.repeat(length) });
        expect(Buffer.from(String((message['content'] as Dict)['ciphertext']), 'base64')).toHaveLength(size + 16);
        expect(await postSealed(alice, room, message)).toMatchObject({ status: 201 });
        const got = await his.message(String(message['id']));
        expect(openFrom(got.message, key.chain)['text']).toHaveLength(length);
      }
    }
  });

  it('[DCP-12.3-06] what one device wrote its user’s other devices hear, and read later, as sealed as everybody', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const laptop = await Device.of(alice);
    const hears = await laptop.connect();
    const key = newSenderKey();
    const message = sealedPost(alice, room, key, { text: 'a secret word' });
    const answer = await postSealed(alice, room, message);
    expect(answer.status).toBe(201);
    const live = await hears.message(String(message['id']));
    const tablet = await Device.of(alice);
    const page = await tablet.rest.get<{ messages: Dict[] }>(`/channels/${room.channel_id}/messages?limit=1`);
    for (const got of [live.message, page.body.messages[0] ?? {}]) {
      expect(openFrom(got, key.chain)).toMatchObject({ text: 'a secret word' });
    }
    expect(page.text + JSON.stringify(hears.heard) + answer.text).not.toContain('secret');
  });

  it('[DCP-6.3-01] in an encrypted channel nothing readable is taken, in any form', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const wanted = {
      code: 'INVALID_MESSAGE_FORMAT',
      details: { reason: 'encryption_required', path: 'encryption.algorithm' },
    };
    await refused(alice, room, { content: { text: 'x', format: 'plain' } }, wanted);
    await refused(alice, room, alice.message(room), wanted);
    expect(await alice.head(room)).toBe(3);
  });

  it('[DCP-6.3-04] behind a removal nothing of the old epoch is taken, nor of one that is not yet', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob, carol);
    const late = sealedPost(carol, room, newSenderKey(), { text: 'x' });
    const { state: _known, ...blind } = late['encryption'] as Dict;
    await act(alice, room, 'user_removed', bob.userId);
    const stale = { code: 'CONFLICT', details: { reason: 'stale_epoch', epoch: 1 } };
    await refused(carol, room, carol.sign({ ...late, encryption: blind }), stale);
    const early = new SealedRoom(room.channel, room.channel_id, room.head, 2);
    const ahead = sealedPost(carol, early, newSenderKey(), { text: 'x' });
    await refused(carol, room, ahead, { code: 'INVALID_MESSAGE_FORMAT' });
    expect(await postSealed(carol, room, sealedPost(carol, room, newSenderKey(), { text: 'x' }))).toMatchObject({
      status: 201,
    });
  });

  it('[DCP-6.3-04] while somebody is removed others write: in the log no message of the old epoch stands behind it', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob, carol);
    const his = await bob.connect();
    const before = new SealedRoom(room.channel, room.channel_id, room.head);
    const key = newSenderKey();
    const acknowledged: number[] = [];
    /** Writes until it is refused; without `state`, so that only the epoch holds it up. */
    const writing = async (): Promise<void> => {
      for (;;) {
        const message = sealedPost(bob, before, key, { text: 'x' });
        const { state: _known, ...blind } = message['encryption'] as Dict;
        const post = bob.sign({ ...message, encryption: blind });
        const { event, data, error } = await his.ask('send_message', { ...post, channel: room.channel_id });
        if (event === 'ack') acknowledged.push(data['seq'] as number);
        else return expect(error).toMatchObject({ code: 'CONFLICT', details: { reason: 'stale_epoch' } });
      }
    };
    const writers = Promise.all([1, 2, 3].map(writing));
    await until(() => (acknowledged.length > 10 ? true : undefined));
    const { seq: kicked } = await act(alice, room, 'user_removed', carol.userId);
    await writers;
    expect(Math.max(...acknowledged)).toBeLessThan(kicked);
  });

  it('[DCP-6.3-04] a message that was sealed before a member came is refused, so that he is not left without its key', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob);
    const before = sealedPost(bob, room, newSenderKey(), { text: 'x' });
    await act(alice, room, 'user_invited', carol.userId, { identity_key: carol.identityKey.publicKey });
    const stale = { code: 'CONFLICT', details: { reason: 'stale_state', state_head: room.head, epoch: 0 } };
    await refused(bob, room, before, stale);
    const never = sealedPost(
      bob,
      new SealedRoom(room.channel, room.channel_id, `sha256:${'0'.repeat(64)}`),
      newSenderKey(),
      {},
    );
    await refused(bob, room, never, stale);
    expect(await postSealed(bob, room, sealedPost(bob, room, newSenderKey(), { text: 'x' }))).toMatchObject({
      status: 201,
    });
  });

  it('an accepted message is answered alike for ever, also behind a change of state', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob, carol);
    const message = sealedPost(bob, room, newSenderKey(), { text: 'x' });
    const first = await postSealed(bob, room, message);
    await act(alice, room, 'user_removed', carol.userId);
    const again = await postSealed(bob, room, message);
    expect(again.body).toEqual(first.body);
    const { encryption } = message as { encryption: Dict };
    const other = bob.sign({ ...message, encryption: { ...encryption, n: 1 } });
    await refused(bob, room, other, { code: 'CONFLICT' });
  });

  it('a state entry is no message: it is not posted', async () => {
    const alice = await device();
    const room = await createSealed(alice);
    const entry = stateEntry(alice, room, 'settings_changed', '', { name: 'x' });
    await refused(alice, room, entry, { code: 'INVALID_MESSAGE_FORMAT' });
  });
});
