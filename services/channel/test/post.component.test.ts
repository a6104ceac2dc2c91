import { randomBytes, toBase64, verifySigned } from '@dcp/crypto';
import { canonicalJson, MAX_CLOCK_SKEW_MS, MAX_MESSAGE_BYTES, messageSigningInput, utf8Length } from '@dcp/protocol';
import { type FakeClock, fakeClock } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NodeKey } from '../src/node/node-key.js';
import { actor, type Actor, newId } from './support/actor.js';
import { errorOf, okOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('posts over the %s bus', (kind) => {
  let world: World;
  let general: string;
  let alice: Actor;
  const clock: FakeClock = fakeClock();
  const now = () => clock.now();

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start({ clock });
    general = await world.general();
    alice = actor('alice', { now });
    await world.join(alice, general);
  });
  afterAll(() => world.close());

  /** A signed message with something wrong in it, posted as Alice. */
  const refused = async (changes: Record<string, unknown>) =>
    errorOf(await world.postOne(alice.post(general, 'x', changes)));

  it('[DCP-6.1-02] orders a signed message and stores it as it was sent, without the viewer’s channel', async () => {
    const post = alice.post(general, 'hello');
    const ack = okOf(await world.postOne(post));
    expect(ack).toEqual({
      message_id: post.message['id'],
      seq: ack.seq,
      timestamp: post.message['timestamp'],
      state: 'ordered',
    });
    const stored = (await world.log(general)).find((entry) => entry.seq === ack.seq);
    const { channel: _channel, ...rest } = post.message;
    expect(stored).toMatchObject({ id: ack.message_id, type: 'text', author: alice.userId });
    expect(stored?.body).toBe(canonicalJson(rest));
  });

  it('[DCP-6.1-07] keeps what an outsider needs to verify the author', async () => {
    const { message_id } = okOf(await world.postOne(alice.post(general, 'signed')));
    const entry = (await world.log(general)).find(({ id }) => id === message_id);
    const message = JSON.parse(entry?.body ?? '') as { channel_id: string; signature: string };
    const outsider = actor('key-holder');
    expect(verifySigned(keyOf(alice), messageSigningInput(message), message.signature)).toBe(true);
    expect(verifySigned(keyOf(outsider), messageSigningInput(message), message.signature)).toBe(false);
  });

  const MEMBERS = ['id', 'type', 'timestamp', 'author', 'channel', 'content', 'encryption', 'signature', 'metadata'];
  it.each(MEMBERS)('[DCP-6.1-01] refuses a message without %s', async (member) => {
    const { [member]: _removed, ...rest } = alice.message(general, 'incomplete') as Record<string, unknown>;
    // `channel` and `channel_id` name the same member of §6.1: without either there is none.
    if (member === 'channel') delete rest['channel_id'];
    const error = errorOf(await world.postOne({ channel_id: general, session: alice.session, message: rest }));
    expect(error.code).toBe('INVALID_MESSAGE_FORMAT');
    expect(error.details['path']).toBe(member);
  });

  it('accepts a message that names its channel either way', async () => {
    const { channel: _channel, ...byId } = alice.message(general, 'by id') as Record<string, unknown>;
    const { channel_id: _id, ...byName } = alice.message(general, 'by name') as Record<string, unknown>;
    for (const message of [byId, byName]) {
      okOf(await world.postOne({ channel_id: general, session: alice.session, message }));
    }
    const last = (await world.log(general)).at(-1);
    expect(JSON.parse(last?.body ?? '')).toMatchObject({ channel_id: general });
  });

  it('refuses a message that was signed for another channel', async () => {
    const other = (await world.create(alice, '#other')).channel_id;
    const message = alice.message(general, 'replayed');
    expect(errorOf(await world.postOne({ channel_id: other, session: alice.session, message })).details['path']).toBe(
      'channel_id',
    );
    const { channel_id: _id, ...unnamed } = message;
    const error = errorOf(await world.postOne({ channel_id: other, session: alice.session, message: unnamed }));
    expect(error.details['reason']).toBe('signature');
  });

  it('[DCP-6.1-04] refuses another author and another device', async () => {
    const mallory = actor('mallory', { now });
    await world.join(mallory, general);
    const forged = mallory.message(general, 'x', { author: alice.userId });
    const error = errorOf(await world.postOne({ channel_id: general, session: mallory.session, message: forged }));
    expect(error).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'foreign_author' } });
    const device = await refused({ device: 'dev_aaaaaaaaaaaaaaaa' });
    expect(device).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'foreign_device' } });
  });

  it('accepts the device that logged in', async () => {
    const phone = actor('phone', { now, device: 'dev_bbbbbbbbbbbbbbbb' });
    await world.join(phone, general);
    okOf(await world.postOne(phone.post(general, 'from my phone')));
    const { device: _device, ...without } = phone.message(general, 'x');
    const post = { channel_id: general, session: phone.session, message: without };
    expect(errorOf(await world.postOne(post)).details['reason']).toBe('foreign_device');
  });

  it('[DCP-6.1-06] refuses other algorithms and nonces of another length', async () => {
    const encryption = (algorithm: string, nonce: string) => refused({ encryption: { algorithm, key_id: 'k', nonce } });
    expect((await encryption('aes-256-gcm', toBase64(randomBytes(12)))).details['path']).toBe('encryption.algorithm');
    for (const length of [0, 11, 13, 24]) {
      expect((await encryption('chacha20-poly1305', toBase64(randomBytes(length)))).details['path']).toBe(
        'encryption.nonce',
      );
    }
    expect((await encryption('none', toBase64(randomBytes(12)))).details['path']).toBe('encryption.nonce');
    okOf(await world.postOne(alice.post(general, 'x', { encryption: { algorithm: 'none', key_id: 'k', nonce: '' } })));
  });

  it('[DCP-6.2-01] accepts plain and markdown text, and no other format', async () => {
    okOf(await world.postOne(alice.post(general, 'x', { content: { text: '**x**', format: 'markdown' } })));
    const error = await refused({ content: { text: 'x', format: 'html' } });
    expect(error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'content.format' } });
    expect((await refused({ content: { format: 'plain' } })).details['path']).toBe('content.text');
  });

  it('X-14: refuses references that disagree', async () => {
    const [one, two] = [newId(), newId()];
    const metadata = { client: 'test/1.0', edited: false, reply_to: one };
    const error = await refused({ content: { text: 'x', format: 'plain', reply_to: two }, metadata });
    expect(error.details['path']).toBe('metadata.reply_to');
    okOf(await world.postOne(alice.post(general, 'x', { metadata })));
  });

  it('[DCP-6.4-01] refuses a signature by another key, over other words, or of another kind', async () => {
    const message = alice.message(general, 'true');
    const eve = actor('eve', { now });
    const altered = [
      { ...message, content: { text: 'false', format: 'plain' } },
      { ...message, id: newId() },
      eve.signed(message),
      { ...message, signature: alice.sign('IDENTITY', message) },
      { ...message, signature: 'ed25519:AAAA' },
    ];
    for (const wrong of altered) {
      const error = errorOf(await world.postOne({ channel_id: general, session: alice.session, message: wrong }));
      expect(error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { reason: 'signature' } });
    }
    okOf(await world.postOne({ channel_id: general, session: alice.session, message }));
  });

  it('[DCP-6.4-02] accepts clocks that differ by five minutes, and refuses a millisecond more', async () => {
    const at = (offset: number) => ({ timestamp: new Date(clock.now() + offset).toISOString() });
    for (const offset of [MAX_CLOCK_SKEW_MS, -MAX_CLOCK_SKEW_MS, 299_000, -299_000]) {
      okOf(await world.postOne(alice.post(general, 'x', at(offset))));
    }
    for (const offset of [MAX_CLOCK_SKEW_MS + 1, -MAX_CLOCK_SKEW_MS - 1, 301_000, -301_000]) {
      const error = await refused(at(offset));
      expect(error.details).toMatchObject({ reason: 'clock_skew', server_time: new Date(clock.now()).toISOString() });
    }
  });

  it('a retry that has become too old still gets its first answer, another message under its id does not', async () => {
    const post = alice.post(general, 'slow network');
    const first = okOf(await world.postOne(post));
    clock.advance(2 * MAX_CLOCK_SKEW_MS);
    expect(okOf(await world.postOne(post))).toEqual(first);
    const other = alice.post(general, 'something else', { id: first.message_id, timestamp: first.timestamp });
    expect(errorOf(await world.postOne(other))).toMatchObject({ code: 'CONFLICT', details: { reason: 'id_used' } });
  });

  it('[DCP-6.4-04] [DCP-14.2-07] accepts 65,536 bytes and refuses one more', async () => {
    const sized = (bytes: number) => {
      const { channel: _channel, ...empty } = alice.message(general, '') as Record<string, unknown>;
      const text = 'x'.repeat(bytes - utf8Length(canonicalJson(empty)));
      return alice.post(general, text, { id: empty['id'], encryption: empty['encryption'] });
    };
    okOf(await world.postOne(sized(MAX_MESSAGE_BYTES)));
    expect(errorOf(await world.postOne(sized(MAX_MESSAGE_BYTES + 1)))).toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      details: { max_size: MAX_MESSAGE_BYTES, actual_size: MAX_MESSAGE_BYTES + 1 },
    });
  });

  it('[DCP-6.4-05] refuses who is not a member, and lets him in after he joined', async () => {
    const bob = actor('bob', { now });
    const post = bob.post(general, 'may I?');
    const error = errorOf(await world.postOne(post));
    expect(error).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'not_a_member' } });
    await world.join(bob, general);
    okOf(await world.postOne(post));
  });

  it('[DCP-14.2-08] answers 2002 for a channel that does not exist', async () => {
    const nowhere = `ch_${'a'.repeat(52)}`;
    expect(errorOf(await world.postOne(alice.post(nowhere, 'x'))).code).toBe('CHANNEL_NOT_FOUND');
  });

  it('[DCP-6.4-03] refuses what only nodes may add, U+0000 and lone surrogates', async () => {
    expect((await refused({ node: { seq: 1 } })).details['path']).toBe('node');
    expect((await refused({ metadata: { client: 'x/1', edited: true } })).details['path']).toBe('metadata.edited');
    expect((await refused({ content: { text: 'a\0b', format: 'plain' } })).details['reason']).toBe('nul_character');
    const lone = { ...alice.message(general, 'x'), content: { text: '\ud800', format: 'plain' } };
    const post = { channel_id: general, session: alice.session, message: lone };
    expect(errorOf(await world.postOne(post)).details['reason']).toBe('lone_surrogate');
  });

  it('one bad post of a batch does not disturb the others, and answers keep their places', async () => {
    const batch = Array.from({ length: 90 }, (_, i) =>
      alice.post(general, `message ${i}`, i % 3 === 1 ? { type: 'x' } : {}),
    );
    const results = await world.post(...batch);
    const seqs = results.filter((_, i) => i % 3 !== 1).map((result) => okOf(result).seq);
    expect(seqs).toEqual(Array.from({ length: 60 }, (_, i) => (seqs[0] ?? 0) + i));
    results.filter((_, i) => i % 3 === 1).forEach((result) => expect(errorOf(result).details['path']).toBe('type'));
  });

  it('refuses a batch of more than 512 posts', async () => {
    const post = alice.post(general, 'x');
    await expect(world.post(...Array.from({ length: 513 }, () => post))).rejects.toMatchObject({
      code: 'INVALID_MESSAGE_FORMAT',
    });
  });

  it('completes and signs a plain message for its author', async () => {
    const reply = newId();
    const message = { channel: '#general', content: { text: 'plain', format: 'plain' }, reply_to: reply };
    const ack = okOf(await world.postOne({ channel_id: general, session: alice.session, message }));
    expect(ack.message_id).toMatch(/^msg_[a-z0-9]{16}$/);
    const entry = (await world.log(general)).find(({ id }) => id === ack.message_id);
    const stored = JSON.parse(entry?.body ?? '') as Record<string, unknown> & { channel_id: string; signature: string };
    expect(stored).toMatchObject({
      type: 'text',
      author: alice.userId,
      channel_id: general,
      timestamp: ack.timestamp,
      content: { text: 'plain', format: 'plain', reply_to: reply },
      encryption: { algorithm: 'none', key_id: 'node', nonce: '' },
      metadata: { edited: false, reply_to: reply, signed_by: 'node' },
    });
    const node = new NodeKey({ nodeKey: world.nodeKey, nodeId: world.nodeId });
    expect(verifySigned(rawKey(node.publicKey), messageSigningInput(stored, 'NODEMSG'), stored.signature)).toBe(true);
    expect(verifySigned(rawKey(node.publicKey), messageSigningInput(stored, 'MESSAGE'), stored.signature)).toBe(false);
  });

  it('refuses a plain message with bad content, too large, or from a stranger', async () => {
    const plain = (content: object) => ({ channel_id: general, session: alice.session, message: { content } });
    expect(errorOf(await world.postOne(plain({ text: 'x' }))).details['path']).toBe('content.format');
    expect(errorOf(await world.postOne(plain({ text: 'x'.repeat(70_000), format: 'plain' }))).code).toBe(
      'MESSAGE_TOO_LARGE',
    );
    const stranger = { ...plain({ text: 'x', format: 'plain' }), session: actor('stranger').session };
    expect(errorOf(await world.postOne(stranger)).code).toBe('INSUFFICIENT_PERMISSIONS');
  });

  it('takes no plain message where the node may not read', async () => {
    const sealed = `ch_${'b'.repeat(52)}`;
    await insertSealedChannel(world, sealed, alice.userId);
    const plain = { channel_id: sealed, session: alice.session, message: { content: { text: 'x', format: 'plain' } } };
    expect(errorOf(await world.postOne(plain)).details).toEqual({
      reason: 'encryption_required',
      path: 'encryption.algorithm',
    });
  });
});

function keyOf({ session }: Actor): Uint8Array {
  return rawKey(session.key);
}

function rawKey(text: string): Uint8Array {
  return Buffer.from(text.slice('ed25519:'.length), 'base64');
}

/** A channel of mode `e2ee`, without its chain. */
async function insertSealedChannel(world: World, channelId: string, userId: string): Promise<void> {
  await world.admin.query(
    `insert into channel.channels (channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis,
       genesis_signature, creator, created_at, last_activity)
     values ($1, '#sealed', 'a7f3k9m2', 1, 'e2ee', 'public', '', '', '', '', '', now(), now())`,
    [channelId],
  );
  await world.admin.query(`insert into channel.members values ($1, $2, 'owner', now(), 1)`, [channelId, userId]);
}
