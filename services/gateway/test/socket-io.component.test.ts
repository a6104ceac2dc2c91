import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { io, type Socket } from 'socket.io-client';
import {
  call,
  login,
  makeAccount,
  proofOf,
  signedMessage,
  TestSocket,
  type Frame,
  type TestAccount,
} from './test-client.js';
import { startTestNode, type TestNode } from './test-node.js';

describe('the second door, Socket.IO', () => {
  let node: TestNode;
  let url: string;
  let alice: TestAccount;
  let token: string;
  const open: Socket[] = [];

  const connect = (auth: object, transports: string[]) => {
    const socket = io(url, { auth, transports, reconnection: false, forceNew: true });
    open.push(socket);
    const frames: Frame[] = [];
    socket.on('frame', (frame: Frame) => frames.push(frame));
    const find = async (matches: (frame: Frame) => boolean) => {
      await eventually(() => expect(frames.some(matches)).toBe(true));
      return frames.find(matches) as Frame;
    };
    return { socket, frames, find };
  };

  beforeAll(async () => {
    await ready();
    node = await startTestNode('in process', 0);
    url = await node.addGateway({ DCP_SOCKETIO: 'true' });
    await eventually(async () => expect((await call(url, '/api/v1/node')).status).toBe(200));
    alice = await makeAccount(url);
    token = (await login(url, alice)).token;
  });

  afterAll(async () => {
    for (const socket of open) socket.disconnect();
    await node.stop();
  });

  it.each(['websocket', 'polling'])(
    'carries the same frames over %s, to and from the first door',
    async (transport) => {
      const second = connect({ token }, [transport]);
      const first = await TestSocket.open(url, token);
      second.socket.emit('frame', { command: 'join_channel', id: 'j', data: { channel: '#general' } });
      const { data } = await second.find(({ id }) => id === 'j');
      const { channel_id } = data as unknown as { channel_id: string };
      await first.command('subscribe', { channel: channel_id });
      second.socket.emit('frame', {
        command: 'send_message',
        id: 's',
        data: signedMessage(alice, channel_id, `over ${transport}`),
      });
      expect((await second.find(({ id }) => id === 's')).data).toMatchObject({ state: 'ordered' });
      await eventually(() => expect(first.texts()).toContain(`over ${transport}`));
      await first.command('send_message', signedMessage(alice, channel_id, `answer to ${transport}`));
      await second.find((frame) => frame.data?.message?.content.text === `answer to ${transport}`);
      first.close();
    },
  );

  it('[DCP-5.1-01] logs in by frames, and serves nothing before', async () => {
    const { socket, find } = connect({}, ['websocket']);
    socket.emit('frame', '{"command":"join_channel","id":"early","data":{"channel":"#general"}}');
    expect((await find(({ id }) => id === 'early')).error.code).toBe('INVALID_CREDENTIALS');
    socket.emit('frame', { type: 'auth_challenge_request', user_id: alice.userId });
    const { challenge } = (await find(({ type }) => type === 'auth_challenge')) as unknown as { challenge: string };
    socket.emit('frame', { type: 'auth_proof', ...proofOf(alice, challenge) });
    await find(({ type }) => type === 'auth_success');
  });

  it('refuses a wrong token with the body of §14.1, and garbage with 2000', async () => {
    const { socket } = connect({ token: 'wrong' }, ['websocket']);
    const refused = await new Promise<{ data?: unknown }>((resolve) =>
      socket.on('connect_error', (error) => resolve(error as { data?: unknown })),
    );
    expect(refused.data).toMatchObject({
      error: { code: 'INVALID_CREDENTIALS', request_id: expect.stringMatching(/^req_/) },
    });
    const { socket: good, find } = connect({ token }, ['websocket']);
    good.emit('frame', ['not', 'a', 'frame']);
    expect((await find(({ event }) => event === 'error')).error.code).toBe('INVALID_MESSAGE_FORMAT');
  });

  it('a revoked session loses this door as well', async () => {
    const { token: other, sessionId } = await login(url, alice);
    const { socket, find } = connect({ token: other }, ['websocket']);
    await eventually(() => expect(socket.connected).toBe(true));
    const gone = new Promise((resolve) => socket.on('disconnect', resolve));
    await call(url, `/api/v1/auth/sessions/${sessionId}`, { method: 'DELETE', token });
    await find(({ event }) => event === 'session');
    await gone;
  });

  it('is closed unless it is switched on', async () => {
    const closed = await node.addGateway();
    const socket = io(closed, { transports: ['websocket'], reconnection: false });
    open.push(socket);
    await new Promise((resolve) => socket.on('connect_error', resolve));
    expect((await call(closed, '/socket.io/?EIO=4&transport=polling')).status).toBe(404);
  });
});
