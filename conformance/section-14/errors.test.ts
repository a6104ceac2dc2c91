import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { conformance, ownNode } from '../local/conformance.js';
import { Actor, newMessageId, refusedUpgrade } from '../stranger/actor.js';
import { ERRORS, type ErrorCode, expectErrorBody, expectRefused } from '../stranger/errors.js';
import { example, memberPaths } from '../stranger/examples.js';
import { Rest } from '../stranger/rest.js';
import { until } from '../stranger/until.js';

conformance('§14 errors', (node) => {
  it('[DCP-14.1-01] [DCP-14.1-03] every error has the printed members, a time of now and a request id of its own', async () => {
    const alice = await Actor.register(node);
    const socket = await alice.connect();
    const ids = new Set<string>();
    const printed = memberPaths(example('14.1', 'error response format')).filter(
      (path) => !path.startsWith('error.details.'),
    );
    for (let i = 0; i < 20; i++) {
      const answer = await alice.rest.get('/channels/nope');
      for (const path of printed) expect(answer.body).toHaveProperty(path);
      const errors = [
        expectRefused(answer, 'CHANNEL_NOT_FOUND'),
        await socket.refused('no', {}, 'INVALID_MESSAGE_FORMAT'),
      ];
      for (const { request_id, timestamp } of errors) {
        expect(Math.abs(Date.parse(timestamp) - Date.now())).toBeLessThan(10_000);
        ids.add(request_id);
      }
      expect(answer.headers.get('x-request-id')).toBe(errors[0]?.request_id);
    }
    expect(ids.size).toBe(40);
  });

  it('[DCP-14.2-01] every code that is met has the number of its range, one to one', async () => {
    const ranges: [number, number, ErrorCode[]][] = [
      [1000, 1099, ['INVALID_CREDENTIALS', 'SESSION_EXPIRED', 'INSUFFICIENT_PERMISSIONS', 'ACCOUNT_SUSPENDED']],
      [2000, 2099, ['INVALID_MESSAGE_FORMAT', 'MESSAGE_TOO_LARGE', 'CHANNEL_NOT_FOUND', 'USER_NOT_FOUND', 'CONFLICT']],
      [3000, 3099, ['RATE_LIMITED', 'BANDWIDTH_EXCEEDED']],
      [9000, 9099, ['INTERNAL_ERROR', 'MAINTENANCE_MODE', 'PROTOCOL_VERSION_MISMATCH']],
    ];
    for (const [from, to, codes] of ranges) {
      for (const code of codes) expect(ERRORS[code].number >= from && ERRORS[code].number <= to).toBe(true);
    }
    // The node's own table, as it publishes it to clients.
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    const met = [
      expectRefused(await node.rest.get('/channels'), 'INVALID_CREDENTIALS'),
      expectRefused(await alice.rest.get('/admin/pending'), 'INSUFFICIENT_PERMISSIONS'),
      expectRefused(await alice.rest.post('/channels', {}), 'INVALID_MESSAGE_FORMAT'),
      expectRefused(await alice.rest.get('/channels/nope'), 'CHANNEL_NOT_FOUND'),
      expectRefused(await alice.rest.get(`/users/${await node.id()}.nobody`), 'USER_NOT_FOUND'),
      expectRefused(await alice.rest.get(`/channels/${room.channel_id}/messages?before=msg_none`), 'MESSAGE_NOT_FOUND'),
      expectRefused(
        await alice.rest.post('/channels', { channel: room.channel, encryption: 'node' }),
        'CHANNEL_EXISTS',
      ),
      expectRefused(await alice.rest.post('/channels', { channel: 'x', encryption: 'node' }), 'INVALID_CHANNEL_NAME'),
    ];
    expect(new Set(met.map(({ number }) => number)).size).toBe(met.length);
  });
});

ownNode('§14 limits as they are by default', { limits: true }, (node) => {
  it('[DCP-14.2-12] [DCP-15.3-06] a burst of posts is 3002 with the time to wait; somebody else is not affected', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    const [hers, his] = [await alice.connect(), await bob.connect()];
    for (let i = 0; i < 1_000; i++)
      hers.send({
        command: 'send_message',
        id: `b${i}`,
        data: { channel: room.channel, content: { text: 'x', format: 'plain' } },
      });
    await his.ack('send_message', bob.message(room));
    const answers = [];
    for (let i = 0; i < 1_000; i++) answers.push(await hers.answer(`b${i}`));
    const refused = answers.filter(({ event }) => event === 'error');
    expect(refused.length).toBeGreaterThan(500);
    for (const { error } of refused) {
      expect(expectErrorBody(error, 'RATE_LIMITED').details['retry_after']).toEqual(expect.any(Number));
    }
    const answer = await until(async () => {
      const one = await alice.rest.get('/channels');
      return one.status === 429 ? undefined : one;
    });
    expect(answer.status).toBe(200);
    const wait = Number(refused.at(-1)?.error?.details['retry_after']) * 1_000;
    await until(
      async () => ((await hers.ask('send_message', alice.message(room))).event === 'ack' ? true : undefined),
      wait + 10_000,
    );
  });

  it('[DCP-14.2-12] over REST the answer is 429 and says Retry-After', async () => {
    const alice = await Actor.register(node);
    const answers = await Promise.all(Array.from({ length: 300 }, () => alice.rest.get('/channels')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expectRefused(answer, 'RATE_LIMITED');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });

  it('[DCP-15.3-06] logins and sockets of one address are limited as well', async () => {
    const tries = await Promise.all(
      Array.from({ length: 100 }, () => node.rest.post('/auth/challenge', { user_id: 'aaaaaaaa.alice' })),
    );
    const refused = tries.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expectRefused(answer, 'RATE_LIMITED');
  });
});

ownNode('§14 bandwidth', { env: { DCP_BANDWIDTH_BYTES_PER_MINUTE: '65536' } }, (node) => {
  it('[DCP-14.2-13] who sends more than the quota is told 3003 with the time to wait', async () => {
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    const socket = await alice.connect();
    const message = () => alice.message(room, { content: { text: 'x'.repeat(30_000), format: 'plain' } });
    for (let i = 0; i < 2; i++) await socket.ack('send_message', message());
    const error = await socket.refused('send_message', message(), 'BANDWIDTH_EXCEEDED');
    expect(error.details['retry_after']).toBeGreaterThan(0);
    const answer = await alice.rest.post(`/channels/${room.channel_id}/messages`, message());
    expectRefused(answer, 'BANDWIDTH_EXCEEDED');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

ownNode('§14 maintenance', { env: { DCP_MAINTENANCE: 'true' } }, (node) => {
  it('[DCP-14.2-14] in maintenance every call is 9001, over REST and at the upgrade', async () => {
    const rest = new Rest(node.url(), 'x');
    const calls: [string, string, unknown?][] = [
      ['GET', '/node'],
      ['POST', '/accounts', { identity_file: {} }],
      ['POST', '/auth/challenge', { user_id: 'aaaaaaaa.alice' }],
      ['GET', '/channels'],
      ['POST', '/channels/general/messages', { content: { text: 'x', format: 'plain' } }],
      ['GET', `/channels/general/messages?before=${newMessageId()}`],
    ];
    for (const [method, path, body] of calls) {
      expectRefused(await rest.call(method, path, body), 'MAINTENANCE_MODE');
    }
    const { status, error } = await refusedUpgrade(node.url(), {});
    expect(status).toBe(503);
    expectErrorBody(error, 'MAINTENANCE_MODE');
  });
});

ownNode('§14 request ids', { env: { DCP_LOG_LEVEL: 'debug' }, output: true }, (node) => {
  it('[DCP-14.1-03] the request id of an answer is found in the log, without the content or the token', async () => {
    const alice = await Actor.register(node);
    const room = await alice.createChannel();
    const secret = `secret-${newMessageId()}`;
    const bad = alice.message(room, { content: { text: secret, format: 'no such format' } });
    const socket = await alice.connect();
    const ids = [
      expectRefused(await alice.rest.get('/channels/nope'), 'CHANNEL_NOT_FOUND').request_id,
      (await socket.refused('send_message', bad, 'INVALID_MESSAGE_FORMAT')).request_id,
    ];
    await alice.rest.post(
      `/channels/${room.channel_id}/messages`,
      alice.message(room, { content: { text: secret, format: 'plain' } }),
    );
    const log = await until(async () => {
      const text = await readFile(node.running.outputFile ?? '', 'utf8').catch(() => '');
      return ids.every((id) => text.includes(id)) ? text : undefined;
    });
    expect(log).not.toContain(secret);
    expect(log).not.toContain(alice.token);
    expect(log).not.toContain(alice.token.split('.')[2]);
  });
});
