import { TRUST } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, login, makeAccount, signedMessage, TestSocket, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';
import { trustChain } from './trust-beside.js';

const GUARD = 30_000;
const ADMIN = '/api/v1/admin/trust';
const GENERAL = '/api/v1/channels/general/messages';

describe.each(BUS_KINDS)('moderation at the door on the %s bus', (kind) => {
  let node: TestNode;
  let [owner, bob, carol] = [] as unknown as [TestAccount, TestAccount, TestAccount];
  let tokens: { owner: string; bob: string; carol: string };
  let stopTrust: () => Promise<void>;

  const url = (gateway = 0) => node.urls[gateway] as string;
  const admin = (path: string, body?: object, method = body === undefined ? 'GET' : 'POST') =>
    call(url(), `${ADMIN}${path}`, { method, token: tokens.owner, ...(body === undefined ? {} : { body }) });
  const decide = async (body: object): Promise<string> => {
    const answer = await admin('/decisions', body);
    expect(answer.status).toBe(201);
    return (answer.body as unknown as { id: string }).id;
  };
  const say = (token: string, text: string, gateway = 0) =>
    call(url(gateway), GENERAL, { method: 'POST', token, body: { content: { text, format: 'plain' } } });
  const untilRefused = (token: string, gateway: number, error: object) =>
    eventually(async () => expect((await say(token, 'hello', gateway)).body.error).toMatchObject(error), GUARD);
  const untilHeard = (token: string, gateway = 0) =>
    eventually(async () => expect((await say(token, 'hello', gateway)).status).toBe(201), GUARD);

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 2);
    [owner, bob, carol] = [await makeAccount(url()), await makeAccount(url()), await makeAccount(url())];
    const token = async (account: TestAccount) => (await login(url(), account)).token;
    tokens = { owner: await token(owner), bob: await token(bob), carol: await token(carol) };
    for (const one of Object.values(tokens))
      await call(url(), '/api/v1/channels/general/join', { method: 'POST', token: one });
    // Everybody writes, and both gateways were ready, while there was no trust-chain service.
    for (const one of Object.values(tokens)) expect((await say(one, 'before')).status).toBe(201);
    expect((await admin('/levels')).body.error?.code).toBe('MAINTENANCE_MODE');
    stopTrust = await trustChain(node);
  }, 60_000);
  afterAll(async () => {
    await stopTrust();
    await node.stop();
  });

  it('[DCP-10.3-05] a banned user writes nothing, on any gateway, over REST and sockets, and still reads', async () => {
    const id = await decide({ action: 'ban_user', target: bob.userId });
    const error = { code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'banned', until: null } };
    for (const gateway of [0, 1]) await untilRefused(tokens.bob, gateway, error);
    const post = (path: string, body: object) =>
      call(url(), `/api/v1/channels${path}`, { method: 'POST', token: tokens.bob, body });
    for (const one of [post('', { channel: '#mine' }), post('/general/join', {})])
      expect((await one).body.error).toMatchObject(error);
    const socket = await TestSocket.open(url(1), tokens.bob);
    for (const command of [
      'send_message',
      'join_channel',
      'create_channel',
      'invite_user',
      'update_status',
      'typing',
      'change_state',
    ])
      expect((await socket.command(command, { channel: '#general' })).error).toMatchObject(error);
    expect((await socket.command('get_history', { channel: '#general' })).event).toBe('ack');
    expect((await call(url(), GENERAL, { token: tokens.bob })).status).toBe(200);
    expect((await say(tokens.carol, 'others write')).status).toBe(201);
    expect((await admin(`/decisions/${id}/lift`, {})).body).toMatchObject({ id, in_force: false });
    for (const gateway of [0, 1]) await untilHeard(tokens.bob, gateway);
    socket.close();
  }, 60_000);

  it('[DCP-10.3-05] a temporary ban ends at its time', async () => {
    const until = new Date(node.clock.now() + 60_000).toISOString();
    await decide({ action: 'temp_ban_user', target: bob.userId, expires: until });
    await untilRefused(tokens.bob, 0, { code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'banned', until } });
    node.clock.advance(60_000);
    expect((await say(tokens.bob, 'again')).status).toBe(201);
  }, 60_000);

  it('[DCP-10.3-07] who is slowed down gets 3002, others do not', async () => {
    const id = await decide({ action: 'rate_limit_user', target: bob.userId, per_minute: 2 });
    const details = { reason: 'slowed_down', per_minute: 2 };
    await untilRefused(tokens.bob, 0, { code: 'RATE_LIMITED', number: 3002, details });
    for (let i = 0; i < 10; i++) expect((await say(tokens.carol, 'fast')).status).toBe(201);
    const socket = await TestSocket.open(url(), tokens.bob);
    const answer = await socket.command('send_message', signedMessage(bob, 'ch_x', 'late'));
    expect(answer.error).toMatchObject({ code: 'RATE_LIMITED', details: { retry_after: expect.any(Number) } });
    node.clock.advance(30_000);
    expect((await say(tokens.bob, 'one more')).status).toBe(201);
    expect((await say(tokens.bob, 'too soon')).body.error?.code).toBe('RATE_LIMITED');
    await admin(`/decisions/${id}/lift`, {});
    await eventually(async () => {
      for (let i = 0; i < 3; i++) expect((await say(tokens.bob, 'free')).status).toBe(201);
    }, GUARD);
    socket.close();
  }, 60_000);

  it('nobody else can shut out those who run the node', async () => {
    await admin(`/overrides/${owner.userId}`, { rule: 'always' }, 'PUT');
    await decide({ action: 'ban_user', target: carol.userId });
    await untilRefused(tokens.carol, 0, { code: 'INSUFFICIENT_PERMISSIONS' });
    expect((await say(tokens.owner, 'still here')).status).toBe(201);
    await admin(`/overrides/${owner.userId}`, undefined, 'DELETE');
  }, 60_000);

  it('a gateway that starts later knows the bans before it is ready', async () => {
    await decide({ action: 'ban_user', target: bob.userId });
    await untilRefused(tokens.bob, 0, { code: 'INSUFFICIENT_PERMISSIONS' });
    const late = await node.addGateway();
    const answer = await call(late, GENERAL, { method: 'POST', token: tokens.bob, body: { content: { text: 'hi' } } });
    expect(answer.body.error).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'banned' } });
  }, 60_000);

  it('administrators see and set everything over REST, others nothing', async () => {
    expect((await admin('/levels/a7f3k9m2', { level: 'trusted' }, 'PUT')).body).toEqual({
      node_id: 'a7f3k9m2',
      level: 'trusted',
    });
    expect((await admin('/levels')).body).toMatchObject({ levels: [{ node_id: 'a7f3k9m2', level: 'trusted' }] });
    const flagged = await decide({ action: 'flag_content', target: 'msg_rest1' });
    expect((await admin('/review')).body).toMatchObject({ decisions: [{ id: flagged, target: 'msg_rest1' }] });
    expect((await admin(`/decisions/${flagged}/approve`, {})).body).toMatchObject({
      status: 'applied',
      judged_by: owner.userId,
    });
    const appeal = await admin(`/decisions/${flagged}/appeal`, { note: 'it was a joke' }, 'PUT');
    expect(appeal.body).toMatchObject({ appeal: 'it was a joke' });
    const csv = 'id,until\r\nc9y2m7q1.spam-user-x7k2,\r\nb8x1n5p4,\r\n';
    const listed = ['c9y2m7q1.spam-user-x7k2', 'b8x1n5p4'];
    expect((await admin('/import', { csv, dry_run: true })).body).toMatchObject({ added: listed, dry_run: true });
    expect((await admin('/import', { ids: listed })).body).toMatchObject({ added: listed, dry_run: false });
    expect((await admin('/import', {})).body.error?.code).toBe('INVALID_MESSAGE_FORMAT');
    const exported = await fetch(`${url()}${ADMIN}/export?format=csv`, {
      headers: { authorization: `Bearer ${tokens.owner}` },
    });
    expect(exported.headers.get('content-type')).toContain('text/csv');
    expect(await exported.text()).toContain('\r\nc9y2m7q1.spam-user-x7k2,\r\n');
    expect((await admin('/export')).body).toMatchObject({
      blocked: expect.arrayContaining([{ id: 'b8x1n5p4', until: null }]),
    });
    expect((await admin('/proof/1')).body).toMatchObject({ entry: { seq: 1 }, head: {}, proof: expect.any(Array) });
    expect((await admin('/logs')).body).toMatchObject({ logs: expect.any(Array) });
    expect((await admin('/preview/a7f3k9m2')).body).toEqual({ changes: [], has_more: false });
    expect((await admin('/overrides')).body).toEqual({ overrides: [] });
    for (const path of [
      '/levels',
      '/decisions',
      '/review',
      '/overrides',
      '/export',
      '/logs',
      '/proof/1',
      '/preview/a7f3k9m2',
    ]) {
      const answer = await call(url(), `${ADMIN}${path}`, { token: tokens.carol });
      expect(answer).toMatchObject({ status: 403, body: { error: { code: 'INSUFFICIENT_PERMISSIONS' } } });
    }
    expect(TRUST.levels.callers).toContain('gateway');
  }, 60_000);
});
