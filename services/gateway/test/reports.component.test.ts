import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, login, makeAccount, signedMessage, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';
import { trustChain } from './trust-beside.js';

const REPORTS = '/api/v1/admin/trust/reports';
const GENERAL = '/api/v1/channels/general';

describe.each(BUS_KINDS)('reports at the door on the %s bus', (kind) => {
  let node: TestNode;
  let [owner, bob, carol] = [] as unknown as [TestAccount, TestAccount, TestAccount];
  let tokens: { owner: string; bob: string; carol: string };
  let channelId: string;
  let stopTrust: () => Promise<void>;

  const url = () => node.urls[0] as string;
  const report = (token: string | undefined, body: object) =>
    call(url(), '/api/v1/reports', { method: 'POST', body, ...(token === undefined ? {} : { token }) });
  const admin = (token: string, path = '', body?: object) =>
    call(url(), `${REPORTS}${path}`, { token, ...(body === undefined ? {} : { method: 'POST', body }) });
  const said = async (text: string) => {
    const message = signedMessage(bob, channelId, text, new Date(node.clock.now()));
    const posted = await call(url(), `${GENERAL}/messages`, { method: 'POST', token: tokens.bob, body: message });
    expect(posted.status).toBe(201);
    return { channel_id: channelId, message, reason: 'spam' };
  };

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind);
    [owner, bob, carol] = [await makeAccount(url()), await makeAccount(url()), await makeAccount(url())];
    const token = async (account: TestAccount) => (await login(url(), account)).token;
    tokens = { owner: await token(owner), bob: await token(bob), carol: await token(carol) };
    for (const one of Object.values(tokens)) await call(url(), `${GENERAL}/join`, { method: 'POST', token: one });
    channelId = (await call(url(), GENERAL, { token: tokens.carol })).body['channel_id'] as unknown as string;
    stopTrust = await trustChain(node);
  }, 60_000);
  afterAll(async () => {
    await stopTrust();
    await node.stop();
  });

  it('takes a report from anybody with a session, shows it to administrators only, and closes it', async () => {
    const body = await said('buy my pills');
    const made = await report(tokens.carol, { ...body, note: 'every day' });
    expect(made).toMatchObject({
      status: 201,
      body: { id: expect.stringMatching(/^rep_/), verified: true, fault: null },
    });
    const { id } = made.body as unknown as { id: string };
    const content = { text: 'buy my pills', format: 'plain' };
    const shown = { id, reporter: carol.userId, author: bob.userId, note: 'every day', content };
    expect((await admin(tokens.owner)).body).toMatchObject({ reports: [shown] });
    expect((await admin(tokens.owner, `?author=${bob.userId}`)).body).toMatchObject({ reports: [shown] });
    expect((await admin(tokens.owner, `?author=${carol.userId}`)).body).toEqual({ reports: [] });
    for (const denied of [await admin(tokens.carol), await admin(tokens.carol, `/${id}/dismiss`, {})])
      expect(denied).toMatchObject({ status: 403, body: { error: { code: 'INSUFFICIENT_PERMISSIONS' } } });
    expect((await admin(tokens.owner, `/${id}/dismiss`, {})).body).toMatchObject({ id, content: null, decision: null });
    expect((await admin(tokens.owner)).body).toEqual({ reports: [] });
    expect((await admin(tokens.owner, '?state=closed')).body).toMatchObject({ reports: [{ id, content: null }] });
    expect((await admin(tokens.owner, '/rep_aaaaaaaaaaaaaaaa/dismiss', {})).status).toBe(404);
  });

  it('refuses what is no report before anybody is asked', async () => {
    const body = await said('hello');
    expect((await report(undefined, body)).status).toBe(401);
    for (const wrong of [
      {},
      { ...body, reason: 'No!' },
      { ...body, message: { ...body.message, channel_id: undefined } },
      { ...body, message: { ...body.message, content: { text: 'x'.repeat(66_000), format: 'plain' } } },
      { ...body, key: 'AAAA' },
    ])
      expect(await report(tokens.carol, wrong)).toMatchObject({
        status: 400,
        body: { error: { code: 'INVALID_MESSAGE_FORMAT' } },
      });
    expect((await report(tokens.carol, { ...body, message: { filler: 'x'.repeat(300_000) } })).status).toBe(413);
  });

  it('marks a report that is not true', async () => {
    const body = await said('hello');
    const message = { ...body.message, content: { text: 'I hate you all', format: 'plain' } };
    expect((await report(tokens.carol, { ...body, message })).body).toMatchObject({
      verified: false,
      fault: 'not_in_channel',
    });
  });

  it('who is banned may still report', async () => {
    const body = await said('you are next');
    const decision = { action: 'ban_user', target: carol.userId };
    await call(url(), '/api/v1/admin/trust/decisions', { method: 'POST', token: tokens.owner, body: decision });
    await eventually(async () => {
      const refused = await call(url(), `${GENERAL}/messages`, {
        method: 'POST',
        token: tokens.carol,
        body: { content: { text: 'hello', format: 'plain' } },
      });
      expect(refused.status).toBe(403);
    }, 30_000);
    expect(await report(tokens.carol, body)).toMatchObject({ status: 201, body: { verified: true } });
  });

  it('costs five commands: a hundred at once are twenty reports', async () => {
    const body = await said('hello');
    const narrow = await node.addGateway({ DCP_RATE_LIMIT_FACTOR: '1' });
    const post = () => call(narrow, '/api/v1/reports', { method: 'POST', token: tokens.carol, body });
    for (let i = 0; i < 20; i++) expect((await post()).status).toBe(201);
    expect((await post()).body.error).toMatchObject({ code: 'RATE_LIMITED' });
  });
});
