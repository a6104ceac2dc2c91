import { expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { base32 } from '../stranger/encodings.js';
import { expectRefused } from '../stranger/errors.js';
import { CHANNEL_NAMES } from '../stranger/examples.js';
import { randomName } from '../stranger/identity-file.js';
import { type Dict, jcs } from '../stranger/json.js';

conformance('§9.1 channel names', (node) => {
  /** Refused on both doors. */
  async function refusedNames(names: string[]): Promise<void> {
    const alice = await Actor.register(node);
    const socket = await alice.connect();
    for (const channel of names) {
      await socket.refused('create_channel', { channel, encryption: 'node' }, 'INVALID_CHANNEL_NAME');
      expectRefused(await alice.rest.post('/channels', { channel, encryption: 'node' }), 'INVALID_CHANNEL_NAME');
    }
  }

  it('[DCP-9.1-01] a name begins with #', async () => {
    await refusedNames(['general', 'a', '/a', '@alice', ' #a', '-#a', '＃a']);
    await (await Actor.register(node)).createChannel(`#g-${randomName(8)}`);
  });

  it('[DCP-9.1-02] / separates levels, none of them empty; a child needs no parent', async () => {
    await refusedNames(['#', '#/', '#a/', '#/a', '#a//b', '#a/b/']);
    const alice = await Actor.register(node);
    const name = `#p-${randomName(8)}`;
    await alice.createChannel(`${name}/child`);
    await alice.createChannel(name);
    // Where the parent exists its members make the children.
    const other = await Actor.register(node);
    const wish = { channel: `${name}/second`, encryption: 'node' };
    expectRefused(await other.rest.post('/channels', wish), 'INSUFFICIENT_PERMISSIONS');
  });

  it('[DCP-9.1-03] only a-z, 0-9, hyphen, underscore and slash', async () => {
    await refusedNames([
      '#General',
      '#a b',
      '#ä',
      '#a.b',
      '#a#b',
      '#a@b',
      '#a:b',
      '#a\n',
      '#a%2fb',
      '#а',
      '#a\u200b',
      '#a\\b',
    ]);
    await (await Actor.register(node)).createChannel(`#a-z_0-9-${randomName(8)}/_x/-y`);
  });

  it('[DCP-9.1-04] at most five levels', async () => {
    const base = randomName(8);
    await refusedNames([`#${base}/b/c/d/e/f`, `#${base}/b/c/d/e/f/g`]);
    await (await Actor.register(node)).createChannel(`#${base}/b/c/d/e`);
  });

  it('[DCP-9.1-05] at most 100 characters, the # counted', async () => {
    const name = (length: number) => `#${randomName(8)}`.padEnd(length, 'x');
    await refusedNames([name(101), name(110)]);
    const alice = await Actor.register(node);
    const longest = await alice.createChannel(name(100));
    for (const reference of [encodeURIComponent(longest.channel), longest.channel.slice(1)]) {
      expect(await alice.rest.get(`/channels/${reference}/messages`)).toMatchObject({ status: 200 });
    }
    expectRefused(
      await alice.rest.post('/channels', { channel: name(121), encryption: 'node' }),
      'INVALID_MESSAGE_FORMAT',
    );
  });

  it('[DCP-9.1-06] the printed names can be made and used, over the socket and over REST', async () => {
    const alice = await Actor.register(node);
    const socket = await alice.connect();
    for (const channel of CHANNEL_NAMES) {
      const { status, body } = await alice.rest.post('/channels', { channel, encryption: 'node' });
      // #general is there from the start; the others may be from an earlier run.
      if (status === 409) expect(body).toMatchObject({ error: { code: 'CHANNEL_EXISTS' } });
      else expect(status).toBe(201);
      await socket.ack('join_channel', { channel });
      await socket.ack('send_message', { channel, content: { text: 'hello', format: 'plain' } });
      const answer = await alice.rest.get(`/channels/${encodeURIComponent(channel)}/messages?limit=1`);
      expect(answer).toMatchObject({ status: 200 });
    }
  });

  it('reserved branches are refused, and a name is given once, however many race for it', async () => {
    await refusedNames(['#dm', '#dm/abcdefghijkl', '#sys', '#sys/x/y']);
    const channel = `#r-${randomName(8)}`;
    const racers = await Promise.all(Array.from({ length: 6 }, () => Actor.register(node)));
    const answers = await Promise.all(
      racers.map(({ rest }) => rest.post('/channels', { channel, encryption: 'node' })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201)) expectRefused(answer, 'CHANNEL_EXISTS');
  });
});

conformance('§9.2 public channels', (node) => {
  it('[DCP-9.2-01] everybody finds a public channel and joins it, members see all messages', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    const earlier = alice.message(room);
    await alice.rest.post(`/channels/${room.channel_id}/messages`, earlier);
    const { body } = await bob.rest.get<{ channels: { id: string }[] }>('/channels');
    expect(body.channels.map(({ id }) => id)).toContain(room.channel);
    const his = await bob.connect();
    await his.ack('join_channel', { channel: room.channel });
    const { messages } = await his.ack<Dict & { messages: Dict[] }>('get_history', { channel: room.channel });
    expect(messages.map(({ id }) => id)).toContain(earlier['id']);
    const later = alice.message(room);
    await alice.rest.post(`/channels/${room.channel_id}/messages`, later);
    await his.message(String(later['id']));
  });

  it('[DCP-9.2-01] who left hears and reads nothing more', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    const sockets = [await bob.connect(), await (await bob.again()).connect()];
    await sockets[0]?.ack('leave_channel', { channel: room.channel });
    for (const socket of sockets) await socket.event('membership', { channel_id: room.channel_id, change: 'left' });
    const message = alice.message(room);
    await alice.rest.post(`/channels/${room.channel_id}/messages`, message);
    for (const socket of sockets) {
      await socket.refused('get_history', { channel: room.channel }, 'INSUFFICIENT_PERMISSIONS');
      expect(JSON.stringify(socket.heard)).not.toContain(message['id']);
    }
  });

  it('a client that signs the genesis gets the channel id that the profile computes from it', async () => {
    const alice = await Actor.register(node);
    const genesis = {
      version: '1.0',
      name: `#s-${randomName(8)}`,
      home_node: await node.id(),
      encryption: 'node',
      visibility: 'public',
      creator: alice.userId,
      creator_key: alice.key.publicKey,
      created: new Date().toISOString(),
      random: randomBytes(16).toString('base64'),
    };
    const wish = { channel: genesis.name, encryption: 'node', genesis };
    const forged = { ...wish, signature: alice.key.signObject('IDENTITY', genesis) };
    expectRefused(await alice.rest.post('/channels', forged), 'INVALID_MESSAGE_FORMAT');
    const room = await alice.createChannel(genesis.name, {
      ...wish,
      signature: alice.key.signObject('GENESIS', genesis),
    });
    expect(room.channel_id).toBe(`ch_${base32(createHash('sha256').update(jcs(genesis)).digest())}`);
  });
});
