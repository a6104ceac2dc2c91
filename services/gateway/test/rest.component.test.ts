import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { Validator } from '@seriousme/openapi-schema-validator';
import { ROUTES } from '../src/rest/openapi-routes.js';
import { call, login, makeAccount, signedMessage, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

describe.each(BUS_KINDS)('the REST API on the %s bus', (kind) => {
  let node: TestNode;
  let url: string;
  let alice: TestAccount;
  let token: string;

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 1);
    url = node.urls[0] as string;
    await eventually(async () => expect((await call(url, '/api/v1/node')).status).toBe(200));
    alice = await makeAccount(url);
    token = (await login(url, alice)).token;
    await call(url, '/api/v1/channels/general/join', { method: 'POST', token });
  });

  afterAll(() => node.stop());

  it('describes itself in valid OpenAPI 3.1', async () => {
    const { body } = await call(url, '/api/v1/openapi.json');
    const result = await new Validator().validate(body);
    expect(result).toMatchObject({ valid: true });
    expect(body).toMatchObject({ openapi: '3.1.0' });
  });

  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s exists as described, and asks for a session where it says so',
    async (_name, { method, path, session }) => {
      const answer = await call(url, path.replaceAll(/\{\w+\}/g, 'x'), {
        method: method.toUpperCase(),
        ...(method === 'get' || method === 'delete' ? {} : { body: {} }),
      });
      expect(answer.body.error?.details['reason']).not.toBe('no_such_endpoint');
      if (session) expect(answer).toMatchObject({ status: 401, body: { error: { code: 'INVALID_CREDENTIALS' } } });
      else expect(answer.status).not.toBe(401);
      expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
    },
  );

  it('[DCP-8.1-01] [DCP-14.1-01] what does not exist is 404 with the body of §14.1', async () => {
    for (const path of ['/channels', '/api/v1/nope', '/api/v2/channels', '/']) {
      const answer = await call(url, path, { token });
      expect(answer.status).toBe(404);
      expect(answer.body.error).toMatchObject({ request_id: answer.headers.get('x-request-id') });
    }
  });

  it('[DCP-8.2-01] refuses other content types, bad JSON and bodies that are too large', async () => {
    const path = '/api/v1/channels/general/messages';
    const post = (init: object) => call(url, path, { method: 'POST', token, ...init });
    expect((await post({ raw: '{"content":{}}', type: 'text/plain' })).body.error?.code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await post({ raw: '{"content"' })).body.error).toMatchObject({
      code: 'INVALID_MESSAGE_FORMAT',
      details: { reason: 'not_json' },
    });
    expect((await post({ raw: '{"content":{},"content":{}}' })).body.error?.details['reason']).toBe('duplicate_member');
    expect(await post({ raw: JSON.stringify({ content: { text: 'x'.repeat(300_000) } }) })).toMatchObject({
      status: 413,
      body: { error: { code: 'MESSAGE_TOO_LARGE' } },
    });
  });

  it('[DCP-8.3-03] [DCP-8.3-04] pages through history without gap or double', async () => {
    const created = await call(url, '/api/v1/channels', {
      method: 'POST',
      token,
      body: { channel: '#pages', encryption: 'node' },
    });
    const { channel_id } = created.body as unknown as { channel_id: string };
    for (let i = 0; i < 120; i++)
      await call(url, `/api/v1/channels/${channel_id}/messages`, {
        method: 'POST',
        token,
        body: signedMessage(alice, channel_id, `n ${i}`),
      });
    const seen: number[] = [];
    let before = '';
    for (let pages = 0; pages < 10; pages++) {
      const { body } = await call(url, `/api/v1/channels/pages/messages?limit=50${before}`, { token });
      const { messages, has_more, next_cursor } = body as unknown as {
        messages: { node: { seq: number } }[];
        has_more: boolean;
        next_cursor: string;
      };
      seen.unshift(...messages.map((message) => message.node.seq));
      if (!has_more) break;
      before = `&before=${next_cursor}`;
    }
    expect(seen).toEqual(Array.from({ length: 121 }, (_, i) => i + 1));
    const absurd = await call(url, '/api/v1/channels/pages/messages?limit=100000', { token });
    expect((absurd.body as unknown as { messages: unknown[] }).messages).toHaveLength(100);
    expect((await call(url, '/api/v1/channels/pages/messages?before=msg_nothere', { token })).body.error?.code).toBe(
      'MESSAGE_NOT_FOUND',
    );
  });

  it('[DCP-8.3-07] names with # and / survive in the path, encoded or without #', async () => {
    await call(url, '/api/v1/channels', {
      method: 'POST',
      token,
      body: { channel: '#development/rust-help', encryption: 'node' },
    });
    for (const reference of ['%23development%2Frust-help', 'development%2Frust-help']) {
      expect((await call(url, `/api/v1/channels/${reference}/messages`, { token })).status).toBe(200);
    }
  });

  it('other origins may call: tokens are never cookies', async () => {
    const preflight = await fetch(`${url}/api/v1/channels`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/authorization/);
    expect((await call(url, '/.well-known/jwks.json')).headers.get('access-control-allow-origin')).toBe('*');
  });

  it('the node document is signed by its key, the tokens by the published one', async () => {
    const document = (await call(url, '/.well-known/dcp/node.json')).body as unknown as {
      id: string;
      keys: string[];
      signature: string;
    };
    expect(document).toMatchObject({ id: alice.nodeId, signature: expect.stringMatching(/^ed25519:/) });
    expect((await call(url, '/.well-known/jwks.json')).body).toMatchObject({ keys: [{ kty: 'OKP', crv: 'Ed25519' }] });
    expect((await fetch(`${url}/.well-known/security.txt`)).headers.get('content-type')).toMatch(/^text\/plain/);
  });
});
