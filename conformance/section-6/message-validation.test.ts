import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor, type Room } from '../stranger/actor.js';
import { type ErrorCode, expectRefused } from '../stranger/errors.js';
import { changed, type Dict, jcs } from '../stranger/json.js';
import { Key, signedView } from '../stranger/keys.js';

conformance('§6.4 message validation', (node) => {
  async function scene() {
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    return { alice, room, socket: await alice.connect() };
  }

  /** Refused on the socket and over REST, without a trace in the channel. */
  async function refusedBothWays(
    { alice, room, socket }: Awaited<ReturnType<typeof scene>>,
    message: Dict,
    code: ErrorCode,
  ) {
    const head = await alice.head(room);
    const error = await socket.refused('send_message', message, code);
    expectRefused(await alice.rest.post(`/channels/${room.channel_id}/messages`, message), code);
    expect(await alice.head(room)).toBe(head);
    return error;
  }

  it('[DCP-6.4-01] a wrong signature is refused: other key, altered content, other channel, other kind', async () => {
    const all = await scene();
    const { alice, room } = all;
    const other = await alice.createChannel();
    const message = alice.message(room);
    const otherKey = new Key();
    const forged: Dict[] = [
      { ...message, signature: otherKey.signMessage(message) },
      { ...message, content: { text: 'altered', format: 'plain' } },
      { ...message, metadata: { ...(message['metadata'] as Dict), client: 'another/1.0' } },
      { ...message, x_added: 1 },
      { ...alice.message(other), channel: room.channel, channel_id: room.channel_id },
      { ...message, signature: alice.key.signObject('NODEMSG', signedView(message)) },
      { ...message, signature: alice.key.signObject('IDENTITY', signedView(message)) },
      { ...message, signature: alice.key.sign(Buffer.from(jcs(signedView(message)))) },
      { ...message, signature: `ed25519:${Buffer.alloc(64).toString('base64')}` },
      { ...message, signature: 'ed25519:AAAA' },
      { ...message, signature: String(message['signature']).slice(8) },
    ];
    for (const one of forged) await refusedBothWays(all, one, 'INVALID_MESSAGE_FORMAT');
  });

  it('[DCP-6.4-02] clocks may differ by 4:59 either way, not by 5:01', async () => {
    const all = await scene();
    const { alice, room, socket } = all;
    const at = (seconds: number) => ({ timestamp: new Date(Date.now() + seconds * 1_000).toISOString() });
    for (const seconds of [-299, 299]) await socket.ack('send_message', alice.message(room, at(seconds)));
    for (const seconds of [-301, 301]) {
      const error = await refusedBothWays(all, alice.message(room, at(seconds)), 'INVALID_MESSAGE_FORMAT');
      expect(error.details).toMatchObject({ path: 'timestamp' });
    }
  });

  it('[DCP-6.4-04] [DCP-14.2-07] 65,535 and 65,536 bytes pass, 65,537 are 2001', async () => {
    const all = await scene();
    const { alice, room, socket } = all;
    for (const size of [65_535, 65_536]) await socket.ack('send_message', sized(alice, room, size));
    await refusedBothWays(all, sized(alice, room, 65_537), 'MESSAGE_TOO_LARGE');
  });

  it('[DCP-6.4-04] the size is counted in bytes of UTF-8', async () => {
    const all = await scene();
    const { alice, room, socket } = all;
    const text = (count: number) => alice.message(room, { content: { text: '👋'.repeat(count), format: 'plain' } });
    await socket.ack('send_message', text(16_000));
    await refusedBothWays(all, text(16_500), 'MESSAGE_TOO_LARGE');
  });

  it('[DCP-14.1-02] an oversized message is answered with the two numbers of §14.1', async () => {
    const all = await scene();
    const { alice, room } = all;
    const error = await refusedBothWays(all, sized(alice, room, 70_000), 'MESSAGE_TOO_LARGE');
    expect(error.details).toEqual({ max_size: 65_536, actual_size: 70_000 });
    const plain = { channel: room.channel, content: { text: 'x'.repeat(70_000), format: 'plain' } };
    await refusedBothWays(all, plain, 'MESSAGE_TOO_LARGE');
  });

  /** A message whose stored JCS form (without the viewer's `channel`) has exactly so many bytes. */
  function sized(alice: Actor, room: Room, bytes: number): Dict {
    const { channel: _, ...message } = alice.message(room, { content: { text: '', format: 'plain' } });
    const fill = bytes - Buffer.byteLength(jcs(message));
    return alice.sign({ ...message, content: { text: 'x'.repeat(fill), format: 'plain' } });
  }

  it('[DCP-6.4-05] who is no member may not post: 1002 on the socket and over REST', async () => {
    const all = await scene();
    const { alice, room } = all;
    const stranger = await Actor.register(node);
    const socket = await stranger.connect();
    const head = await alice.head(room);
    for (const message of [
      stranger.message(room),
      { channel: room.channel, content: { text: 'x', format: 'plain' } },
    ]) {
      await socket.refused('send_message', message, 'INSUFFICIENT_PERMISSIONS');
      const path = `/channels/${room.channel_id}/messages`;
      expectRefused(await stranger.rest.post(path, message), 'INSUFFICIENT_PERMISSIONS');
    }
    await stranger.join(room);
    await socket.ack('send_message', stranger.message(room));
    await stranger.rest.post(`/channels/${room.channel_id}/leave`);
    await socket.refused('send_message', stranger.message(room), 'INSUFFICIENT_PERMISSIONS');
    expect(await alice.head(room)).toBe(head + 3);
  });

  it('[DCP-6.4-03] a thousand malformed posts are a thousand refusals, and the socket goes on', async () => {
    const { alice, room, socket } = await scene();
    const head = await alice.head(room);
    // `channel` is the viewer's name and not signed: damage there would do no harm.
    const good = JSON.stringify(changed(alice.message(room), 'channel', undefined));
    for (let i = 0; i < 1_000; i++) {
      const data = broken(good, i);
      socket.send(`{"command":"send_message","id":"m${i}","data":${data}}`);
    }
    let refused = 0;
    while (refused < 1_000) {
      const { error } = await socket.next(({ event }) => event === 'error', 'error');
      expect(['INVALID_MESSAGE_FORMAT', 'INSUFFICIENT_PERMISSIONS', 'INVALID_CHANNEL_NAME']).toContain(error?.code);
      refused++;
    }
    expect(await alice.head(room)).toBe(head);
    await socket.ack('send_message', alice.message(room));
  });

  /** A good message with one character damaged: in its text, its structure, its signature. */
  function broken(good: string, i: number): string {
    const at = (i * 7_919) % good.length;
    return `${good.slice(0, at)}${good[at] === '~' ? '!' : '~'}${good.slice(at + 1)}`;
  }
});
