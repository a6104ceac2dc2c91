import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { addDevice } from './device-client.js';
import { call, login, makeAccount, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

const PATH = '/api/v1/backup/records';

describe.each(BUS_KINDS)('the sealed backup over REST on the %s bus', (kind) => {
  let node: TestNode;
  let url: string;
  let alice: TestAccount;
  let token: string;

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 1);
    url = node.urls[0] as string;
    for (const health of node.healths)
      await eventually(async () => expect(await health.report()).toMatchObject({ ready: true }));
    alice = await makeAccount(url);
    token = (await login(url, alice)).token;
  });
  afterAll(() => node.stop());

  const put = (records: unknown[]) => call(url, PATH, { method: 'PUT', token, body: { records } });
  const record = (id: string, month = '2026-01', body = 'c2VhbGVk') => ({ id, month, body });

  it('[DCP-12.3-06] keeps records, gives them to another device of the user, and deletes a month or all', async () => {
    expect(await put([record('a'), record('b', '2026-02'), record('keys', 'keys')])).toMatchObject({
      status: 200,
      body: { kept: [] },
    });
    expect((await put([record('a', '2026-01', 'AAAA')])).body).toEqual({ kept: [record('a')] });
    const device = await addDevice(url, alice);
    const read = async (query = '') => (await call(url, `${PATH}${query}`, { token: device.token })).body;
    expect(await read()).toEqual({
      records: [record('a'), record('b', '2026-02'), record('keys', 'keys')],
      next: null,
    });
    expect(await read('?month=2026-02')).toEqual({ records: [record('b', '2026-02')], next: null });
    expect(await read('?after=b')).toEqual({ records: [record('keys', 'keys')], next: null });
    expect(await read('?ids=keys,a,c')).toEqual({ records: [record('a'), record('keys', 'keys')], next: null });
    const stranger = (await login(url, await makeAccount(url, 'mallory'))).token;
    expect((await call(url, PATH, { token: stranger })).body).toEqual({ records: [], next: null });
    const remove = (query = '') => call(url, `${PATH}${query}`, { method: 'DELETE', token });
    expect(await remove('?month=2026-01')).toMatchObject({ status: 200, body: { deleted: 1 } });
    expect((await remove('?mont=2026-02')).body.error?.code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await remove()).body).toEqual({ deleted: 2 });
    expect(await read()).toEqual({ records: [], next: null });
  });

  it('refuses malformed records, and says how large a call may be', async () => {
    for (const records of [[], [record('a b')], [record('a', 'May')], [record('a', '2026-01', 'x'.repeat(65_537))]])
      expect(await put(records)).toMatchObject({ status: 400, body: { error: { code: 'INVALID_MESSAGE_FORMAT' } } });
    const large = Array.from({ length: 5 }, (_, at) => record(`m${at}`, '2026-03', 'A'.repeat(60_000)));
    expect(await put(large)).toMatchObject({
      status: 413,
      body: { error: { code: 'MESSAGE_TOO_LARGE', details: { max_size: 262_144 } } },
    });
    expect((await put(large.slice(0, 4))).status).toBe(200);
    for (const query of ['month=x', 'ids=', 'ids=a b', 'ids=a&month=2026-01', `ids=${Array(65).fill('a')}`])
      expect((await call(url, `${PATH}?${query}`, { token })).status).toBe(400);
  });

  it('[DCP-4.3-02] is not for minimal and temporary accounts', async () => {
    for (const account_type of ['minimal', 'temporary']) {
      const guest = await makeAccount(url, 'guest', {}, account_type);
      const { token: its } = await login(url, guest);
      const answer = await call(url, PATH, { method: 'PUT', token: its, body: { records: [record('a')] } });
      expect(answer).toMatchObject({ status: 403, body: { error: { details: { reason: 'not_for_account_type' } } } });
    }
  });

  it('[DCP-4.3-04] ends with the account', async () => {
    const carol = await makeAccount(url, 'carol');
    const { token: its } = await login(url, carol);
    await call(url, PATH, { method: 'PUT', token: its, body: { records: [record('a')] } });
    expect((await call(url, '/api/v1/accounts/me', { method: 'DELETE', token: its })).status).toBe(200);
    expect((await call(url, PATH, { token: its })).status).toBe(401);
  });
});
