import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor, newMessageId } from '../stranger/actor.js';
import { expectRefused } from '../stranger/errors.js';
import { example, memberPaths } from '../stranger/examples.js';
import { changed, type Dict } from '../stranger/json.js';
import { objectDigest, rawKey, signedView, verifies } from '../stranger/keys.js';

const NONCE = Buffer.alloc(12, 9).toString('base64');
const CHACHA = { algorithm: 'chacha20-poly1305', key_id: 'key_12345', nonce: NONCE };

conformance('§6.1 message structure', (node) => {
  /** Alice's channel, with Bob listening in it. */
  async function scene() {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    const [hers, his] = [await alice.connect(), await bob.connect()];
    return { alice, bob, room, hers, his };
  }

  it('[DCP-6.1-01] [DCP-6.1-05] [DCP-6.1-06] takes the messages of §6.1 and Appendix B as printed, with real values', async () => {
    const { alice, room, hers, his } = await scene();
    for (const printed of [example('6.1', 'base message structure'), example('B', 'complete text message')]) {
      const message = alice.sign({ ...printed, ...real(alice), channel: room.channel, channel_id: room.channel_id });
      const { channel_id: _, ...posted } = message;
      await hers.ack('send_message', posted);
      const { message: heard } = await his.message(String(message['id']));
      for (const path of memberPaths(printed)) expect(heard).toHaveProperty(path);
      expect(signedView(heard)).toEqual(signedView(message));
    }
  });

  function real(author: Actor): Dict {
    return { id: newMessageId(), timestamp: new Date().toISOString(), author: author.userId, encryption: CHACHA };
  }

  it('[DCP-6.1-01] [DCP-14.2-06] each missing member of the base structure is refused with 2000', async () => {
    const { alice, room, hers } = await scene();
    const head = await alice.head(room);
    const message = alice.message(room);
    for (const member of ['id', 'type', 'timestamp', 'author', 'content', 'encryption', 'metadata']) {
      const without = alice.sign(changed(message, member, undefined));
      await hers.refused('send_message', without, 'INVALID_MESSAGE_FORMAT');
      const path = `/channels/${room.channel_id}/messages`;
      expectRefused(await alice.rest.post(path, without), 'INVALID_MESSAGE_FORMAT');
    }
    await hers.refused('send_message', changed(message, 'signature', undefined), 'INVALID_MESSAGE_FORMAT');
    const nowhere = changed(changed(message, 'channel', undefined), 'channel_id', undefined);
    await hers.refused('send_message', nowhere, 'INVALID_MESSAGE_FORMAT');
    expect(await alice.head(room)).toBe(head);
  });

  it('[DCP-6.1-01] [DCP-6.4-03] mistyped and hostile members are refused with 2000 and change nothing', async () => {
    const { alice, room, hers } = await scene();
    const head = await alice.head(room);
    const changes: [string, unknown][] = [
      ['id', 7],
      ['id', 'msg_short'],
      ['id', 'msg_ABCDEFGHIJKLMNOP'],
      ['id', `msg_${'a'.repeat(17)}`],
      ['id', `${newMessageId()}' --`],
      ['type', 5],
      ['type', 'system'],
      ['type', 'no_such_type'],
      ['timestamp', 1_757_154_600],
      ['timestamp', 'now'],
      ['timestamp', new Date().toString()],
      ['author', 'alice'],
      ['author', null],
      ['content', 'hello'],
      ['content', null],
      ['content', []],
      ['content.text', 5],
      ['content.format', 'html'],
      ['content.mentions', 'bob'],
      ['content.mentions', ['bob']],
      ['content.reply_to', 'previous'],
      ['encryption', 'none'],
      ['encryption.algorithm', 'aes-256-gcm'],
      ['encryption.algorithm', 'none '],
      ['encryption.key_id', ''],
      ['encryption.nonce', NONCE],
      ['metadata', []],
      ['metadata.client', { name: 'x' }],
      ['metadata.edited', true],
      ['metadata.reactions', { '👋': [alice.userId] }],
      ['metadata.reply_to', '../../x'],
      ['node', { seq: 1 }],
      ['function_result', { success: true }],
    ];
    for (const [path, value] of changes) {
      const answer = await hers.ask('send_message', alice.sign(changed(alice.message(room), path, value)));
      expect({ path, value, answer }).toMatchObject({ path, answer: { error: { code: 'INVALID_MESSAGE_FORMAT' } } });
    }
    // What breaks the rules of JSON itself (profile §1) is refused before the command's id is looked at.
    const deep = JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown;
    for (const [path, value] of [
      ['content.text', 'nul\0'],
      ['content.deep', deep],
    ] as const) {
      const data = alice.sign(changed(alice.message(room), path, value));
      await hers.refusedFrame({ command: 'send_message', id: 'x', data }, 'INVALID_MESSAGE_FORMAT');
    }
    expect(await alice.head(room)).toBe(head);
  });

  it('[DCP-6.1-02] a message id sent twice with the same content has one answer, with another it is 2007', async () => {
    const { alice, room, hers, his } = await scene();
    const message = alice.message(room);
    const first = await hers.ack('send_message', message);
    expect(first).toMatchObject({ message_id: message['id'], state: 'ordered', seq: expect.any(Number) });
    expect(await hers.ack('send_message', message)).toEqual(first);
    const path = `/channels/${room.channel_id}/messages`;
    expect(await alice.rest.post(path, message)).toMatchObject({ status: 201, body: first });
    const other = alice.sign({ ...message, content: { text: 'something else', format: 'plain' } });
    await hers.refused('send_message', other, 'CONFLICT');
    expectRefused(await alice.rest.post(path, other), 'CONFLICT');
    expect(await alice.head(room)).toBe(first['seq']);
    const end = await hers.ack('send_message', alice.message(room));
    await his.message(String(end['message_id']));
    const copies = his.heard.filter(
      ({ event, data }) => event === 'message' && (data['message'] as Dict)['id'] === message['id'],
    );
    expect(copies).toHaveLength(1);
  });

  it('[DCP-6.1-03] [DCP-6.1-02] what the node writes has ids and UTC times with milliseconds of the printed form', async () => {
    const { alice, room, hers, his } = await scene();
    for (let i = 0; i < 20; i++) {
      const ack = await hers.ack('send_message', { channel: room.channel, content: { text: `${i}`, format: 'plain' } });
      const { message } = await his.message(String(ack['message_id']));
      expect(message).toMatchObject({
        id: expect.stringMatching(/^msg_[a-z0-9]{16}$/),
        timestamp: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/),
        author: alice.userId,
      });
    }
  });

  it('[DCP-6.1-04] the author is who logged in: a foreign one is refused with 1002', async () => {
    const { alice, bob, room, hers } = await scene();
    const head = await alice.head(room);
    for (const signer of [alice, bob]) {
      const forged = signer.sign({ ...alice.message(room), author: bob.userId });
      await hers.refused('send_message', forged, 'INSUFFICIENT_PERMISSIONS');
    }
    const device = alice.sign({ ...alice.message(room), device: `dev_${newMessageId().slice(4)}` });
    await hers.refused('send_message', device, 'INSUFFICIENT_PERMISSIONS');
    expect(await alice.head(room)).toBe(head);
  });

  it('[DCP-6.1-06] the nonce of chacha20-poly1305 is 12 bytes', async () => {
    const { alice, room, hers } = await scene();
    for (const nonce of ['', 'AAAA', Buffer.alloc(13).toString('base64'), '????????????????', 12]) {
      const message = alice.message(room, { encryption: { ...CHACHA, nonce } });
      await hers.refused('send_message', message, 'INVALID_MESSAGE_FORMAT');
    }
    await hers.ack('send_message', alice.message(room, { encryption: CHACHA }));
  });

  it('[DCP-6.1-07] [DCP-6.4-01] what others receive verifies with the author’s published key', async () => {
    const { alice, bob, room, hers, his } = await scene();
    const ack = await hers.ack('send_message', alice.message(room));
    const { message } = await his.message(String(ack['message_id']));
    const { body } = await bob.rest.get(`/users/${alice.userId}`);
    const digest = objectDigest('MESSAGE', signedView(message));
    expect(verifies(rawKey(String(body['public_key'])), digest, String(message['signature']))).toBe(true);
  });

  it('[DCP-6.1-07] what the node completes says so and carries the node’s signature, not an author’s', async () => {
    const { alice, room, hers, his } = await scene();
    const ack = await hers.ack('send_message', plain(room.channel));
    const { message } = await his.message(String(ack['message_id']));
    expect(message).toMatchObject({
      metadata: { signed_by: 'node' },
      encryption: { algorithm: 'none', key_id: 'node' },
    });
    const document = (await node.rest.raw('GET', '/.well-known/dcp/node.json')).body;
    const keys = JSON.stringify(document).match(/ed25519:[A-Za-z0-9+/]{43}=/g) ?? [];
    const digest = objectDigest('NODEMSG', signedView(message));
    expect(keys.some((key) => verifies(key, digest, String(message['signature'])))).toBe(true);
    expect(verifies(alice.key.publicKey, digest, String(message['signature']))).toBe(false);
  });

  function plain(channel: string): Dict {
    return { ...(example('7.3', 'send message')['data'] as Dict), channel };
  }

  it('[DCP-6.1-08] metadata names the client and the message that is answered', async () => {
    const { alice, room, hers, his } = await scene();
    const parent = await hers.ack('send_message', alice.message(room));
    const metadata = { client: 'reference-client/1.0.0', edited: false, reply_to: parent['message_id'] };
    const reply = await hers.ack('send_message', alice.message(room, { metadata }));
    const { message } = await his.message(String(reply['message_id']));
    expect(message).toMatchObject({ metadata });
    const torn = { metadata, content: { text: 'x', format: 'plain', reply_to: 'msg_another' } };
    await hers.refused('send_message', alice.message(room, torn), 'INVALID_MESSAGE_FORMAT');
  });

  it('[DCP-6.2-01] [DCP-6.2-02] text is plain or markdown, with mentions and a reply', async () => {
    const { alice, bob, room, hers, his } = await scene();
    const printed = example('6.2', 'text message')['content'] as Dict;
    for (const format of ['plain', 'markdown']) {
      const content = { ...printed, format, mentions: [bob.userId] };
      const ack = await hers.ack('send_message', alice.message(room, { content }));
      expect((await his.message(String(ack['message_id']))).message).toMatchObject({ content });
    }
    const rich = alice.message(room, { content: { text: 'x', format: 'rich' } });
    await hers.refused('send_message', rich, 'INVALID_MESSAGE_FORMAT');
  });

  it('[DCP-6.2-03] [DCP-6.2-06] the media and voice messages of §6.2 pass as printed', async () => {
    const { alice, room, hers, his } = await scene();
    for (const title of ['media message', 'voice message']) {
      const { type, content } = example('6.2', title);
      const ack = await hers.ack('send_message', alice.message(room, { type, content }));
      expect((await his.message(String(ack['message_id']))).message).toMatchObject({ type, content: content as Dict });
    }
    const media = example('6.2', 'media message')['content'] as Dict;
    for (const path of ['media_refs', 'media_refs.0.hash', 'media_refs.0.size', 'media_refs.0.mime_type']) {
      const content = changed(media, path, undefined);
      const message = alice.message(room, { type: 'media', content });
      await hers.refused('send_message', message, 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('[DCP-6.2-05] joining, leaving and creating are system messages of the printed shape', async () => {
    const { alice, bob, room, hers } = await scene();
    await bob.rest.post(`/channels/${room.channel_id}/leave`);
    const { messages } = await hers.ack<{ messages: Dict[] }>('get_history', { channel: room.channel });
    const shape = { target: room.channel, details: {} };
    expect(messages).toMatchObject([
      { type: 'system', author: alice.userId, content: { action: 'channel_created', actor: alice.userId, ...shape } },
      { type: 'system', author: bob.userId, content: { action: 'user_joined', actor: bob.userId, ...shape } },
      { type: 'system', author: bob.userId, content: { action: 'user_left', actor: bob.userId, ...shape } },
    ]);
    const forged = alice.message(room, {
      type: 'system',
      content: { action: 'user_joined', actor: bob.userId, ...shape },
    });
    await hers.refused('send_message', forged, 'INVALID_MESSAGE_FORMAT');
  });

  it('the function and bot examples of Appendix B never break the node', async () => {
    const { alice, room, hers } = await scene();
    for (const title of ['function call message', 'bot message']) {
      const printed = { ...example('B', title), ...real(alice), channel: room.channel, channel_id: room.channel_id };
      const answer = await hers.ask('send_message', alice.sign(printed));
      if (answer.event !== 'ack') expect(answer.error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    }
  });

  it('unknown members are kept and signed with the rest', async () => {
    const { alice, room, hers, his } = await scene();
    const message = alice.message(room, { x_unknown: { list: [1, 'two', null] } });
    await hers.ack('send_message', message);
    const { message: heard } = await his.message(String(message['id']));
    expect(heard).toMatchObject({ x_unknown: { list: [1, 'two', null] } });
    expect(verifies(alice.key.publicKey, objectDigest('MESSAGE', signedView(heard)), String(heard['signature']))).toBe(
      true,
    );
  });
});
