import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor, newMessageId, type Room } from '../stranger/actor.js';
import { type ErrorCode, expectRefused } from '../stranger/errors.js';
import { randomName } from '../stranger/identity-file.js';

conformance('§8 bad requests', (node) => {
  const path = (room: Room) => `/channels/${encodeURIComponent(room.channel)}/messages`;

  async function scene() {
    const alice = await Actor.register(node);
    return { alice, room: await alice.createChannel() };
  }

  it('[DCP-8.2-01] without a token every call of a session is 401 with the error body of §14.1', async () => {
    const id = newMessageId();
    const calls: [string, string, unknown?][] = [
      ['GET', '/channels'],
      ['POST', '/channels', { channel: '#x' }],
      ['GET', '/channels/general'],
      ['PATCH', '/channels/general', {}],
      ['POST', '/channels/general/join'],
      ['POST', '/channels/general/leave'],
      ['GET', '/channels/general/members'],
      ['GET', '/channels/general/messages'],
      ['POST', '/channels/general/messages', { content: { text: 'x', format: 'plain' } }],
      ['GET', '/users/aaaaaaaa.alice'],
      ['GET', '/users/aaaaaaaa.alice/devices'],
      ['GET', '/accounts/me'],
      ['GET', '/accounts/me/channels'],
      ['PUT', '/accounts/me', {}],
      ['DELETE', '/accounts/me'],
      ['GET', '/auth/sessions'],
      ['DELETE', '/auth/sessions'],
      ['DELETE', `/auth/sessions/${id}`],
      ['POST', '/auth/devices', {}],
      ['GET', '/admin/pending'],
      ['GET', '/admin/invites'],
      ['POST', '/admin/invites', {}],
      ['POST', '/admin/users/aaaaaaaa.alice/suspend'],
    ];
    for (const [method, where, body] of calls) {
      for (const headers of [
        {},
        { authorization: 'Bearer' },
        { authorization: 'Basic YTpi' },
        { authorization: 'Bearer x.y.z' },
      ]) {
        expectRefused(
          await node.rest.call(method, where, body, headers as Record<string, string>),
          'INVALID_CREDENTIALS',
        );
      }
    }
  });

  it('[DCP-8.2-01] a body that is not application/json is refused', async () => {
    const { alice, room } = await scene();
    const head = await alice.head(room);
    const body = JSON.stringify({ content: { text: 'x', format: 'plain' } });
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/xml',
    ]) {
      const answer = await alice.rest.call('POST', path(room), body, { 'content-type': type });
      expect([400, 415]).toContain(answer.status);
      expect(answer.body).toMatchObject({ error: { code: 'INVALID_MESSAGE_FORMAT' } });
    }
    expect(await alice.head(room)).toBe(head);
    const charset = { 'content-type': 'application/json; charset=utf-8' };
    expect(await alice.rest.call('POST', path(room), body, charset)).toMatchObject({ status: 201 });
  });

  it('[DCP-14.1-01] unknown endpoints and methods answer with the error body', async () => {
    const alice = await Actor.register(node);
    const unknown: [string, string][] = [
      ['GET', '/nothing'],
      ['GET', '/'],
      ['DELETE', '/channels'],
      ['PUT', '/channels/general/messages'],
      ['GET', '/channels/general/messages/x/y'],
      ['GET', '/../../etc/passwd'],
    ];
    for (const [method, where] of unknown) {
      const answer = await alice.rest.call(method, where, method === 'GET' ? undefined : {});
      expect([404, 405]).toContain(answer.status);
      expect(answer.body).toMatchObject({ error: { request_id: expect.any(String), timestamp: expect.any(String) } });
    }
  });

  it('[DCP-14.1-01] [DCP-6.4-03] bad bodies are refused at every endpoint and change nothing', async () => {
    const { alice, room } = await scene();
    const head = await alice.head(room);
    const endpoints: [string, string][] = [
      ['POST', '/accounts'],
      ['PUT', '/accounts/me'],
      ['POST', '/auth/challenge'],
      ['POST', '/auth/proof'],
      ['POST', '/auth/refresh'],
      ['POST', '/auth/devices'],
      ['POST', '/auth/identity-file'],
      ['POST', '/channels'],
      ['POST', path(room)],
    ];
    const bodies = [
      '{',
      '{"a":}',
      '[]',
      'null',
      '"text"',
      '5',
      '{"a":1,"a":2}',
      '{"a":"\\u0000"}',
      '{"a":"\\ud800"}',
      '{"a":1e999}',
      `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
      '{"__proto__":{"admin":true}}',
      '{"constructor":{"prototype":{"admin":true}}}',
      '\ufeff{}',
      '{}',
      '',
    ];
    for (const [method, where] of endpoints) {
      for (const body of bodies) {
        const answer = await alice.rest.call(method, where, body);
        expect({ method, where, body: body.slice(0, 60), text: answer.text, status: answer.status }).toMatchObject({
          status: 400,
        });
        expectRefused(answer, 'INVALID_MESSAGE_FORMAT');
      }
    }
    expect(await alice.head(room)).toBe(head);
  });

  it('[DCP-14.2-07] a body far above the limit is 2001 before it is read whole', async () => {
    const { alice, room } = await scene();
    const head = await alice.head(room);
    const text = 'x'.repeat(2_000_000);
    for (const where of [path(room), '/channels', '/accounts']) {
      expectRefused(await alice.rest.post(where, { content: { text, format: 'plain' } }), 'MESSAGE_TOO_LARGE');
    }
    expect(await alice.head(room)).toBe(head);
  });

  it('[DCP-14.2-08] [DCP-9.1-03] unknown and impossible channels in the path are 2002 and 2006', async () => {
    const alice = await Actor.register(node);
    const cases: [string, ErrorCode][] = [
      [`nope-${randomName(6)}`, 'CHANNEL_NOT_FOUND'],
      [`ch_${'a'.repeat(52)}`, 'CHANNEL_NOT_FOUND'],
      ['general@zzzzzzzz', 'NODE_UNREACHABLE'],
      ['General', 'INVALID_CHANNEL_NAME'],
      ['a%20b', 'INVALID_CHANNEL_NAME'],
      ['%00', 'INVALID_CHANNEL_NAME'],
      ["x'%20OR%20'1'='1", 'INVALID_CHANNEL_NAME'],
      ['%2e%2e%2f%2e%2e%2fetc', 'INVALID_CHANNEL_NAME'],
      ['a'.repeat(300), 'INVALID_CHANNEL_NAME'],
    ];
    for (const [reference, code] of cases) {
      const body = { content: { text: 'x', format: 'plain' } };
      expectRefused(await alice.rest.get(`/channels/${reference}`), code);
      expectRefused(await alice.rest.get(`/channels/${reference}/messages`), code);
      expectRefused(await alice.rest.post(`/channels/${reference}/messages`, body), code);
      expectRefused(await alice.rest.post(`/channels/${reference}/join`), code);
    }
  });

  it('the path and the signed body must name the same channel', async () => {
    const { alice, room } = await scene();
    const other = await alice.createChannel();
    const [head, otherHead] = [await alice.head(room), await alice.head(other)];
    expectRefused(await alice.rest.post(path(room), alice.message(other)), 'INVALID_MESSAGE_FORMAT');
    expect([await alice.head(room), await alice.head(other)]).toEqual([head, otherHead]);
  });
});
