import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { call, login, makeAccount, proofOf, signedMessage, TestSocket, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

describe.each(BUS_KINDS)('a gateway on the %s bus', (kind) => {
  let node: TestNode;
  let alice: TestAccount;
  let bob: TestAccount;
  let tokens: { alice: string; bob: string };
  const open: TestSocket[] = [];

  const connect = async (token: string, gateway = 0, protocols?: string[]) => {
    const socket = await TestSocket.open(node.urls[gateway] as string, token, protocols);
    open.push(socket);
    return socket;
  };

  const url = (gateway = 0) => node.urls[gateway] as string;

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind);
    await eventually(async () => expect((await call(url(1), '/api/v1/node')).status).toBe(200));
    alice = await makeAccount(url(), 'alice');
    bob = await makeAccount(url(1), 'bob');
    tokens = { alice: (await login(url(), alice)).token, bob: (await login(url(1), bob)).token };
  });

  afterAll(async () => {
    for (const socket of open) socket.close();
    await node.stop();
  });

  const createChannel = async (name: string, ...members: string[]) => {
    const answer = await call(url(), '/api/v1/channels', {
      method: 'POST',
      token: tokens.alice,
      body: { channel: name, encryption: 'node' },
    });
    const { channel_id } = answer.body as unknown as { channel_id: string };
    for (const token of members) await call(url(), `/api/v1/channels/${channel_id}/join`, { method: 'POST', token });
    return channel_id;
  };

  it('[DCP-5.1-01] [DCP-5.2-08] logs a socket in by challenge and proof, and serves nothing before', async () => {
    const socket = await TestSocket.open(url());
    open.push(socket);
    expect((await socket.command('join_channel', { channel: '#general' })).error.code).toBe('INVALID_CREDENTIALS');
    socket.send({
      type: 'auth_challenge_request',
      user_id: alice.userId,
      client_info: { name: 'Reference Client', version: '1.0.0', capabilities: ['media'] },
    });
    const { challenge } = (await socket.find(({ type }) => type === 'auth_challenge')) as unknown as {
      challenge: string;
    };
    socket.send({ type: 'auth_proof', ...proofOf(alice, challenge) });
    const success = (await socket.find(({ type }) => type === 'auth_success')) as unknown as { node_info: object };
    expect(success.node_info).toMatchObject({ id: alice.nodeId, features: expect.arrayContaining(['e2ee']) });
    const { body } = await call(url(), '/api/v1/auth/sessions', { token: tokens.alice });
    expect(JSON.stringify(body)).toContain('"Reference Client"');
    expect((await socket.command('join_channel', { channel: '#general' })).event).toBe('ack');
  });

  it('[DCP-7.2-01] [DCP-15.2-09] users on two gateways talk, in order, with the sender’s own sockets', async () => {
    const channelId = await createChannel('#two-doors', tokens.bob);
    const [first, second] = [await connect(tokens.alice, 0), await connect(tokens.bob, 1)];
    await second.command('subscribe', { channel: channelId });
    await first.command('subscribe', { channel: channelId });
    const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`);
    for (const text of texts)
      first.send({ command: 'send_message', id: text, data: signedMessage(alice, channelId, text) });
    await second.find((frame) => frame.data?.message?.content.text === 'message 49');
    await first.find((frame) => frame.id === 'message 49');
    const heard = (socket: TestSocket) =>
      socket
        .events('message')
        .filter(({ data }) => data.message.content.text?.startsWith('message'))
        .map(({ data }) => data.message.content.text);
    expect(heard(second)).toEqual(texts);
    await eventually(() => expect(heard(first)).toEqual(texts));
  });

  it('[DCP-12.3-03] [DCP-5.3-04] a revocation closes the session’s sockets on every gateway and spoils its token', async () => {
    const { token, sessionId } = await login(url(), bob);
    const sockets = [await connect(token, 0), await connect(token, 1)];
    for (const socket of sockets) await socket.command('get_history', { channel: '#general' });
    const answer = await call(url(), `/api/v1/auth/sessions/${sessionId}`, { method: 'DELETE', token: tokens.bob });
    expect(answer.body).toEqual({ revoked: 1 });
    expect(await Promise.all(sockets.map((socket) => socket.closed()))).toEqual([4001, 4001]);
    for (const gateway of [0, 1]) {
      expect((await call(url(gateway), '/api/v1/channels', { token })).body.error).toMatchObject({
        code: 'SESSION_EXPIRED',
      });
    }
  });

  it('[DCP-7.3-02] a join on one socket reaches the user’s other sockets, on other gateways too', async () => {
    const channelId = await createChannel('#everywhere');
    const [here, there] = [await connect(tokens.bob, 0), await connect(tokens.bob, 1)];
    await here.command('join_channel', { channel: '#everywhere' });
    await there.find(
      (frame) => frame.event === 'membership' && (frame.data as { channel_id?: string }).channel_id === channelId,
    );
    const writer = await connect(tokens.alice);
    await eventually(async () => {
      await writer.command('send_message', { channel: '#everywhere', content: { text: 'hello', format: 'plain' } });
      expect(there.texts()).toContain('hello');
    });
    await here.command('leave_channel', { channel: '#everywhere' });
    await there.find((frame) => frame.event === 'membership' && (frame.data as { change?: string }).change === 'left');
    await writer.command('send_message', { channel: '#everywhere', content: { text: 'after', format: 'plain' } });
    await writer.command('get_history', { channel: '#everywhere' });
    expect(there.texts()).not.toContain('after');
    expect(here.texts()).not.toContain('after');
  });

  it('resume brings everything that was missed, once and in order, also while others write', async () => {
    const channelId = await createChannel('#resumed', tokens.bob);
    const writer = await connect(tokens.alice);
    const post = (text: string) => writer.command('send_message', signedMessage(alice, channelId, text));
    const reader = await connect(tokens.bob, 1, ['dcp-v1', 'dcp.manual']);
    const { data } = await reader.command('subscribe', { channel: channelId });
    const from = (data as unknown as { head: number }).head;
    for (let i = 0; i < 5; i++) await post(`early ${i}`);
    await eventually(() => expect(reader.texts().filter((text) => text.startsWith('early'))).toHaveLength(5));
    reader.close();
    for (let i = 0; i < 250; i++)
      writer.send({ command: 'send_message', data: signedMessage(alice, channelId, `missed ${i}`) });
    const again = await connect(tokens.bob, 0, ['dcp-v1', 'dcp.manual']);
    const resumed = again.command('resume', { channels: { [channelId]: from + 5 } });
    for (let i = 0; i < 50; i++)
      writer.send({ command: 'send_message', data: signedMessage(alice, channelId, `during ${i}`) });
    await resumed;
    await eventually(() => expect(again.events('message')).toHaveLength(300));
    expect(again.events('message').map(({ data }) => data.seq)).toEqual(
      Array.from({ length: 300 }, (_, i) => from + 6 + i),
    );
  });

  it('resume says resume_gap when more was missed than it replays, and refuses channels that one is not in', async () => {
    const channelId = await createChannel('#long', tokens.bob);
    const writer = await connect(tokens.alice);
    for (let i = 0; i < 1_010; i++)
      writer.send({ command: 'send_message', data: signedMessage(alice, channelId, `x ${i}`) });
    await writer.command('send_message', signedMessage(alice, channelId, 'last'));
    const reader = await connect(tokens.bob, 1, ['dcp-v1', 'dcp.manual']);
    const { data } = await reader.command('resume', { channels: { [channelId]: 1, [`ch_${'a'.repeat(52)}`]: 0 } });
    expect(data).toMatchObject({ refused: { [`ch_${'a'.repeat(52)}`]: 'CHANNEL_NOT_FOUND' } });
    expect(reader.events('resume_gap')[0]?.data).toMatchObject({ after: 1, channel_id: channelId });
    const page = await reader.command('get_history', { channel: channelId, after: 1, limit: 100 });
    expect(page.data).toMatchObject({ has_more: true, first_seq: 2, last_seq: 101 });
    expect(reader.events('message')).toEqual([]);
  });

  it('[DCP-7.2-02] [DCP-7.3-03] shows online, away with its text, and offline, to those who share a channel', async () => {
    const carol = await makeAccount(url(), 'carol');
    const { token } = await login(url(), carol);
    const channelId = await createChannel('#presence', tokens.bob, token);
    const viewer = await connect(tokens.bob, 1);
    await viewer.command('subscribe', { channel: channelId });
    const seen = () =>
      viewer
        .events('user_status')
        .map(({ data }) => data as unknown as { user_id: string; status: string; message?: string })
        .filter(({ user_id }) => user_id === carol.userId);
    const socket = await connect(token, 0);
    await eventually(() => expect(seen().map(({ status }) => status)).toEqual(['online']));
    await socket.command('update_status', { status: 'away', message: 'In a meeting' });
    await eventually(() => expect(seen()[1]).toMatchObject({ status: 'away', message: 'In a meeting' }));
    expect((await call(url(1), `/api/v1/users/${carol.userId}`, { token: tokens.bob })).body).toMatchObject({
      status: 'away',
    });
    socket.close();
    await eventually(() => expect(seen().map(({ status }) => status)).toEqual(['online', 'away', 'offline']));
  });

  it('[DCP-12.4-02] [DCP-8.3-01] shows nothing of a user who hides his presence', async () => {
    const dora = await makeAccount(url(), 'dora', { privacy: { show_online_status: false } });
    const { token } = await login(url(), dora);
    const channelId = await createChannel('#hidden-presence', tokens.bob, token);
    const viewer = await connect(tokens.bob, 1);
    await viewer.command('subscribe', { channel: channelId });
    const socket = await connect(token, 0);
    await socket.command('update_status', { status: 'away' });
    await socket.command('send_message', { channel: channelId, content: { text: 'here', format: 'plain' } });
    await viewer.find((frame) => frame.data?.message?.content.text === 'here');
    expect(
      viewer.events('user_status').filter(({ data }) => (data as { user_id?: string }).user_id === dora.userId),
    ).toEqual([]);
    const { body } = await call(url(), `/api/v1/users/${dora.userId}`, { token: tokens.bob });
    expect(Object.keys(body)).not.toContain('status');
    expect(Object.keys(body)).not.toContain('last_seen');
  });

  it('[DCP-7.2-03] typing reaches the others in the channel, not the one who types, and needs membership', async () => {
    const channelId = await createChannel('#typing', tokens.bob);
    const [typist, viewer] = [await connect(tokens.alice, 0), await connect(tokens.bob, 1)];
    await typist.command('subscribe', { channel: channelId });
    await viewer.command('subscribe', { channel: channelId });
    await typist.command('typing', { channel: '#typing', typing: true });
    await typist.command('typing', { channel: '#typing', typing: false });
    await eventually(() =>
      expect(viewer.events('typing').map(({ data }) => (data as { typing?: boolean }).typing)).toEqual([true, false]),
    );
    expect(typist.events('typing')).toEqual([]);
    const stranger = await makeAccount(url(), 'eve');
    const outside = await connect((await login(url(), stranger)).token);
    expect((await outside.command('typing', { channel: '#typing', typing: true })).error.code).toBe(
      'INSUFFICIENT_PERMISSIONS',
    );
  });

  it('[DCP-4.1-07] what a blocked user writes is not shown: live, on resume and in history', async () => {
    const frank = await makeAccount(url(), 'frank', { blocked_users: [alice.userId] });
    const { token } = await login(url(), frank);
    const channelId = await createChannel('#blocked', tokens.bob, token);
    const viewer = await connect(token, 1);
    const { data } = await viewer.command('subscribe', { channel: channelId });
    const from = (data as unknown as { head: number }).head;
    const [writer, other] = [await connect(tokens.alice), await connect(tokens.bob)];
    await writer.command('send_message', signedMessage(alice, channelId, 'from the blocked one'));
    await other.command('send_message', signedMessage(bob, channelId, 'from somebody else'));
    await viewer.find((frame) => frame.data?.message?.content.text === 'from somebody else');
    expect(viewer.texts()).not.toContain('from the blocked one');
    expect(viewer.events('message_hidden').at(-1)?.data.seq).toBe(from + 1);
    const again = await connect(token, 0, ['dcp-v1', 'dcp.manual']);
    await again.command('resume', { channels: { [channelId]: from } });
    expect(again.frames.map(({ event }) => event)).toEqual(['message_hidden', 'message', 'ack']);
    const history = JSON.stringify((await call(url(), `/api/v1/channels/${channelId}/messages`, { token })).body);
    expect(history).toContain('from somebody else');
    expect(history).not.toContain('from the blocked one');
  });

  it('[DCP-14.3-05] [DCP-6.4-03] answers what it does not understand with 2000 and lives; binary frames end the socket', async () => {
    const socket = await connect(tokens.alice);
    for (const text of [
      '{',
      '[]',
      '{"command":"dance","id":"x"}',
      '{"command":"send_message","data":{"channel":"#general"}}',
      '{"type":"auth_nonsense"}',
    ])
      socket.send(text);
    await eventually(() => expect(socket.events('error')).toHaveLength(5));
    for (const { error } of socket.events('error'))
      expect(error).toMatchObject({
        code: 'INVALID_MESSAGE_FORMAT',
        number: 2000,
        request_id: expect.stringMatching(/^req_[a-z0-9]{16}$/),
      });
    expect(socket.frames.find(({ id }) => id === 'x')?.error.details).toMatchObject({
      reason: 'unknown_command',
      commands: expect.arrayContaining(['send_message']),
    });
    socket.ws.send(Buffer.from([1, 2, 3]));
    expect(await socket.closed()).toBe(1003);
  });

  it('[DCP-6.4-04] [DCP-14.2-07] a message above 64 KB gets 2001 with both numbers; a frame above the cap ends the socket', async () => {
    const channelId = await createChannel('#large');
    const socket = await connect(tokens.alice);
    const { error } = await socket.command('send_message', signedMessage(alice, channelId, 'x'.repeat(70_000)));
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', details: { max_size: 65_536 } });
    socket.send(`{"command":"${'x'.repeat(300_000)}"}`);
    expect(await socket.closed()).toBe(1009);
  });

  it('[DCP-5.2-05] a socket without a login is closed after the time allowed', async () => {
    const impatient = await node.addGateway({ DCP_LOGIN_SECONDS: '1' });
    const socket = await TestSocket.open(impatient);
    expect(await socket.closed()).toBe(1008);
  });

  it('[DCP-14.2-14] says 9001 to everybody in maintenance', async () => {
    const closed = await node.addGateway({ DCP_MAINTENANCE: 'true' });
    expect((await call(closed, '/api/v1/channels', { token: tokens.alice })).body.error?.code).toBe('MAINTENANCE_MODE');
    await expect(TestSocket.open(closed, tokens.alice)).rejects.toThrow('503');
  });
});
