import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { call, login, makeAccount, signedMessage, TestSocket, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

const HOUR = 3_600_000;

describe.each(BUS_KINDS)('sessions over time, on the %s bus', (kind) => {
  let node: TestNode;
  let url: string;
  let alice: TestAccount;

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 1);
    url = node.urls[0] as string;
    await eventually(async () => expect((await call(url, '/api/v1/node')).status).toBe(200));
    alice = await makeAccount(url);
  });

  afterAll(() => node.stop());

  it('[DCP-12.3-02] [DCP-5.3-03] past four hours a token buys a refresh only; events wait for it and nothing is lost', async () => {
    const bob = await makeAccount(url, 'bob');
    const { token } = await login(url, alice);
    const socket = await TestSocket.open(url, token);
    const created = await socket.command('create_channel', { channel: '#hours', encryption: 'node' });
    const channelId = (created.data as unknown as { channel_id: string }).channel_id;
    node.clock.advance(4 * HOUR + 1_000);
    await socket.find(
      ({ event, data }) => event === 'session' && (data as { reason?: string }).reason === 'refresh_required',
    );
    const refused = { code: 'SESSION_EXPIRED', details: { reason: 'refresh_required' } };
    expect((await call(url, '/api/v1/channels', { token })).body.error).toMatchObject(refused);
    expect((await socket.command('get_history', { channel: '#hours' })).error).toMatchObject(refused);

    const other = await TestSocket.open(url, (await login(url, bob)).token);
    await other.command('join_channel', { channel: '#hours' });
    const now = new Date(node.clock.now());
    await other.command('send_message', signedMessage(bob, channelId, 'while she was away', now));
    expect(socket.texts()).not.toContain('while she was away');
    socket.send({ type: 'auth_refresh', session_token: token });
    const fresh = (await socket.find(({ type }) => type === 'auth_success')) as unknown as {
      session_token: string;
      expires: string;
    };
    await eventually(() => expect(socket.texts()).toContain('while she was away'));
    expect((await call(url, '/api/v1/channels', { token: fresh.session_token })).status).toBe(200);
    socket.close();
    other.close();
  });

  it('[DCP-5.3-02] [DCP-14.2-03] at eight hours the session is over, whatever was refreshed', async () => {
    const { token } = await login(url, alice);
    node.clock.advance(3 * HOUR);
    const body = { session_token: token };
    const refreshed = (await call(url, '/api/v1/auth/refresh', { method: 'POST', body })).body as unknown as {
      session_token: string;
    };
    const socket = await TestSocket.open(url, refreshed.session_token);
    await socket.command('get_history', { channel: '#hours' });
    node.clock.advance(5 * HOUR + 1_000);
    expect(await socket.closed()).toBe(4001);
    expect((await call(url, '/api/v1/channels', { token: refreshed.session_token })).body.error?.code).toBe(
      'SESSION_EXPIRED',
    );
    const again = await call(url, '/api/v1/auth/refresh', {
      method: 'POST',
      body: { session_token: refreshed.session_token },
    });
    expect(again.body.error?.code).toBe('SESSION_EXPIRED');
    await expect(TestSocket.open(url, refreshed.session_token)).rejects.toThrow('401');
  });

  it('[DCP-5.3-01] [DCP-16.4-01] takes no token that it did not sign: none, HS256, another key, changed payload', async () => {
    const { token } = await login(url, alice);
    const [head = '', body = '', signature = ''] = token.split('.');
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
    const forged = [
      `${encode({ alg: 'none', kid })}.${body}.`,
      `${encode({ alg: 'HS256', kid })}.${body}.${signature}`,
      `${head}.${encode({ ...claims, sub: `${alice.userId}x` })}.${signature}`,
      `${encode({ alg: 'EdDSA', kid: 'other' })}.${body}.${signature}`,
      `${head}.${body}.${signature.slice(0, -8)}AAAAAAAA`,
      `${head}.${body}`,
      'x',
    ];
    for (const bad of forged) {
      expect({ bad, code: (await call(url, '/api/v1/channels', { token: bad })).body.error?.code }).toEqual({
        bad,
        code: 'INVALID_CREDENTIALS',
      });
    }
    expect((await call(url, '/api/v1/channels', { token })).status).toBe(200);
  });

  it('[DCP-7.1-03] the token may come in the header or as a subprotocol value; the answer is dcp-v1 alone', async () => {
    const { token } = await login(url, alice);
    for (const socket of [
      await TestSocket.open(url, token),
      await TestSocket.open(url, undefined, ['dcp-v1', `dcp.bearer.${token}`]),
    ]) {
      expect(socket.ws.protocol).toBe('dcp-v1');
      expect((await socket.command('update_status', { status: 'online' })).event).toBe('ack');
      socket.close();
    }
    await expect(TestSocket.open(`${url}/nowhere?`, token)).rejects.toThrow('404');
    await expect(TestSocket.open(url, token, ['dcp-v9'])).rejects.toThrow('426');
  });

  it('[DCP-14.2-12] [DCP-15.3-06] too many posts are refused with the wait, others are not touched', async () => {
    const strict = await node.addGateway({ DCP_RATE_LIMIT_FACTOR: '0.1', DCP_CONNECTIONS_PER_ADDRESS: '3' });
    await eventually(async () => expect((await call(url, '/api/v1/node')).status).toBe(200));
    const bob = await makeAccount(url, 'bob');
    const tokens = [(await login(url, alice)).token, (await login(url, bob)).token];
    const [first, second] = [await TestSocket.open(strict, tokens[0]), await TestSocket.open(strict, tokens[1])];
    await second.command('update_status', { status: 'online' });
    for (let i = 0; i < 20; i++)
      first.send({ command: 'send_message', data: { channel: '#hours', content: { text: 'x', format: 'plain' } } });
    const { error } = await first.find(
      ({ event, error: failed }) => event === 'error' && failed.code === 'RATE_LIMITED',
    );
    expect(error.details['retry_after']).toBeGreaterThan(0);
    expect(
      (await second.command('send_message', { channel: '#nope', content: { text: 'x', format: 'plain' } })).error.code,
    ).toBe('CHANNEL_NOT_FOUND');
    const third = await TestSocket.open(strict, tokens[0]);
    await expect(TestSocket.open(strict, tokens[0])).rejects.toThrow('429');
    for (const socket of [first, second, third]) socket.close();
    const answers = await Promise.all(Array.from({ length: 30 }, () => call(strict, '/api/v1/node')));
    const limited = answers.find(({ status }) => status === 429);
    expect(limited?.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(limited?.body.error?.details['retry_after']).toBeGreaterThan(0);
  });

  it('[DCP-14.2-13] more bytes than the quota are refused with 3003', async () => {
    const narrow = await node.addGateway({ DCP_BANDWIDTH_BYTES_PER_MINUTE: '65536' });
    const { token } = await login(url, alice);
    const socket = await TestSocket.open(narrow, token);
    const large = { channel: '#hours', content: { text: 'x'.repeat(40_000), format: 'plain' } };
    await socket.command('send_message', large);
    expect((await socket.command('send_message', large)).error.code).toBe('BANDWIDTH_EXCEEDED');
    socket.close();
  });

  it('[DCP-15.2-08] a stopping gateway answers what is under way, then closes with 1012', async () => {
    const leaving = await node.addGateway({ DCP_DRAIN_MS: '200' });
    const { token } = await login(url, alice);
    const sockets = await Promise.all(Array.from({ length: 5 }, () => TestSocket.open(leaving, token)));
    const [writer] = sockets as [TestSocket];
    const { data } = await writer.command('get_history', { channel: '#hours' });
    const channelId = (data as unknown as { channel_id: string }).channel_id;
    const now = new Date(node.clock.now());
    const posts = Array.from({ length: 20 }, (_, i) =>
      writer.command('send_message', signedMessage(alice, channelId, `last ${i}`, now)),
    );
    const gateway = node.gateways.pop();
    await eventually(async () => expect(await node.metrics.at(-1)?.text()).toMatch(/dcp_frames_total\{[^}]*\} 21\n/));
    const stopping = gateway?.stop();
    expect((await Promise.all(posts)).map(({ event }) => event)).toEqual(Array.from({ length: 20 }, () => 'ack'));
    expect(await Promise.all(sockets.map((socket) => socket.closed()))).toEqual([1012, 1012, 1012, 1012, 1012]);
    await stopping;
    expect((await node.healths.pop()?.report())?.ready).toBe(false);
  });

  it('[DCP-15.3-06] a socket that does not read is closed when its buffer is full, and nobody else waits', async () => {
    const small = await node.addGateway({ DCP_MAX_WAITING_BYTES: '65536' });
    const bob = await makeAccount(url, 'bob');
    const [{ token: fast }, { token: slow }] = [await login(url, alice), await login(url, bob)];
    const writer = await TestSocket.open(small, fast);
    await writer.command('create_channel', { channel: '#slow', encryption: 'node' });
    const deaf = await TestSocket.open(small, slow);
    await deaf.command('join_channel', { channel: '#slow' });
    deaf.ws.pause();
    const text = 'x'.repeat(50_000);
    for (let i = 0; i < 200; i++)
      await writer.command('send_message', { channel: '#slow', content: { text, format: 'plain' } });
    await eventually(async () =>
      expect(await node.metrics.at(-1)?.text()).toMatch(/dcp_slow_consumers_total\{[^}]*\} 1/),
    );
    await eventually(async () => expect(await node.metrics.at(-1)?.text()).toMatch(/dcp_connections\{[^}]*\} 1/));
    deaf.ws.resume();
    await deaf.closed();
    writer.close();
  }, 120_000);
});

describe('a bus that goes away', () => {
  let node: TestNode;

  beforeAll(async () => {
    await ready();
    node = await startTestNode('NATS', 2);
  });

  afterAll(() => node.stop());

  it('[DCP-15.2-08] /readyz says so, posts wait or are refused with 9001, and what was missed comes after it is back', async () => {
    const [first = '', second = ''] = node.urls;
    await eventually(async () => expect((await call(second, '/api/v1/node')).status).toBe(200));
    const alice = await makeAccount(first);
    const { token } = await login(first, alice);
    const [writer, reader] = [await TestSocket.open(first, token), await TestSocket.open(second, token)];
    const created = await writer.command('create_channel', { channel: '#outage', encryption: 'node' });
    const channelId = (created.data as unknown as { channel_id: string }).channel_id;
    await reader.command('subscribe', { channel: channelId });
    await node.nats?.kill();
    await eventually(async () => expect((await node.healths[0]?.report())?.ready).toBe(false));
    const waiting = Array.from({ length: 10 }, (_, i) =>
      writer.command('send_message', signedMessage(alice, channelId, `during ${i}`)),
    );
    await node.nats?.restart();
    const acked = (await Promise.all(waiting)).filter(({ event }) => event === 'ack').length;
    await eventually(async () => expect((await node.healths[0]?.report())?.ready).toBe(true), 20_000);
    expect((await writer.command('send_message', signedMessage(alice, channelId, 'after'))).event).toBe('ack');
    await eventually(() => expect(reader.texts()).toHaveLength(acked + 1), 20_000);
    expect(reader.events('message').map(({ data }) => data.seq)).toEqual(
      reader
        .events('message')
        .map(({ data }) => data.seq)
        .toSorted((a, b) => a - b),
    );
    for (const socket of [writer, reader]) socket.close();
  });
});
