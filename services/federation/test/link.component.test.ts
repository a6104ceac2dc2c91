import { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TestNode } from './support/node.js';
import { refusalOf } from './support/refusal.js';

const profile = (user_id: string) => ({ user_id, display_name: 'Bob', public_key: 'ed25519:AAAA' });

describe('a link between two nodes', () => {
  let a: TestNode;
  let b: TestNode;

  beforeEach(async () => {
    [a, b] = [await TestNode.open('127.0.0.1'), await TestNode.open('127.0.0.2')];
    for (const node of [a, b])
      node.answers('user_lookup', ({ body, peer }) => {
        if (body['user_id'] === 'nobody') throw new DcpError('USER_NOT_FOUND', { asked_by: peer.node_id });
        return profile(String(body['user_id']));
      });
  });
  afterEach(async () => {
    await a.close();
    await b.close();
  });

  it('[DCP-10.2-04] carries questions both ways over one connection, with the asker proven', async () => {
    await a.start();
    const atB = await b.start();
    const bob = `${b.nodeId}.bob`;
    expect(await a.ask(b.nodeId, 'user_lookup', { user_id: bob }, { via: b.place(atB) })).toEqual(profile(bob));
    expect(b.asked[0]?.call.peer).toEqual({ node_id: a.nodeId, trust: 'unknown' });
    const alice = `${a.nodeId}.alice`;
    expect(await b.ask(a.nodeId, 'user_lookup', { user_id: alice })).toEqual(profile(alice));
    expect(a.asked[0]?.call.peer.node_id).toBe(b.nodeId);
    const text = await atB.metrics.text();
    expect(text).toMatch(/dcp_federation_links\{.*\} 1/);
    expect(text).toMatch(/dcp_federation_answered_total\{kind="user_lookup",result="ok",.*\} 1/);
  });

  it('[DCP-10.2-04] brings back the error of the service that answered', async () => {
    await a.start();
    const via = b.place(await b.start());
    const { code, details } = await refusalOf(a.ask(b.nodeId, 'user_lookup', { user_id: 'nobody' }, { via }));
    expect({ code, details }).toEqual({ code: 'USER_NOT_FOUND', details: { asked_by: a.nodeId } });
  });

  it('[DCP-14.2-10] tells that a node is away, and when it is tried again', async () => {
    await a.start();
    const atB = await b.start();
    const via = b.place(atB);
    await a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { via });
    await atB.stop();
    const refused = () => refusalOf(a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { timeout_ms: 5_000 }));
    expect(await refused()).toMatchObject({ code: 'NODE_UNREACHABLE', details: { node_id: b.nodeId } });
    await eventually(async () => expect((await refused()).details).toMatchObject({ retry_after: expect.any(Number) }));
  });

  it('shows operators each node: link, trust level, what waits, how often it was tried', async () => {
    const atA = await a.start();
    const atB = await b.start();
    await a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { via: b.place(atB) });
    const shows = (what: RegExp) => eventually(async () => expect(await atA.metrics.text()).toMatch(what), 30_000);
    const node = `node="${b.nodeId}"`;
    await shows(new RegExp(`peer_up\\{${node},trust="unknown",.*\\} 1`));
    a.rate(b.nodeId, 'monitored');
    await shows(new RegExp(`peer_up\\{${node},trust="monitored",.*\\} 1`));
    for (const [name, value] of [
      ['lag', 0],
      ['waiting', 0],
    ])
      expect(await atA.metrics.text()).toMatch(new RegExp(`peer_${name}\\{${node},.*\\} ${value}`));
    expect(await atA.metrics.text()).not.toMatch(/peer_up\{[^}]*trust="unknown"/);
    await atB.stop();
    await shows(new RegExp(`peer_up\\{${node},trust="monitored",.*\\} 0`));
    await shows(new RegExp(`peer_failures\\{${node},.*\\} [1-9]`));
  });

  it('[DCP-14.3-02] heals by itself when the other node is back, at its old address', async () => {
    await a.start();
    const first = await b.start();
    const via = b.place(first);
    await a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { via });
    const port = String(first.federation.port);
    await first.stop();
    await b.start({ env: { DCP_FEDERATION_PORT: port } });
    await eventually(
      async () => expect(await a.ask(b.nodeId, 'user_lookup', { user_id: 'y' })).toEqual(profile('y')),
      20_000,
    );
  });

  it('stays one when both nodes dial at once', async () => {
    const [atA, atB] = [await a.start(), await b.start()];
    const asked = await Promise.all([
      a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { via: b.place(atB) }),
      b.ask(a.nodeId, 'user_lookup', { user_id: 'y' }, { via: a.place(atA) }),
    ]);
    expect(asked).toEqual([profile('x'), profile('y')]);
    await eventually(async () => {
      for (const { metrics } of [atA, atB]) expect(await metrics.text()).toMatch(/dcp_federation_links\{.*\} 1/);
    });
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      expect(await from.ask(to.nodeId, 'user_lookup', { user_id: 'z' })).toEqual(profile('z'));
  });

  it('[DCP-10.3-03] is cut and refused both ways when a node is blocked', async () => {
    await a.start();
    const atB = await b.start();
    const via = b.place(atB);
    await a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { via });
    b.rate(a.nodeId, 'blocked');
    await eventually(async () => expect(await atB.metrics.text()).toMatch(/dcp_federation_links\{.*\} 0/));
    await eventually(async () => {
      const { code } = await refusalOf(a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }, { timeout_ms: 3_000 }));
      expect(code).toBe('FEDERATION_ERROR');
    });
    const { code, details } = await refusalOf(b.ask(a.nodeId, 'user_lookup', { user_id: 'x' }));
    expect({ code, reason: details['reason'] }).toEqual({ code: 'FEDERATION_ERROR', reason: 'blocked' });
    expect(b.asked.length).toBe(1);
    b.rate(a.nodeId, 'trusted');
    await eventually(
      async () => expect(await b.ask(a.nodeId, 'user_lookup', { user_id: 'y' })).toEqual(profile('y')),
      20_000,
    );
  });

  it('[DCP-10.3-04] lets a node that nobody has rated ask little, and not often', async () => {
    await a.start();
    const via = b.place(await b.start({ env: { DCP_FEDERATION_UNKNOWN_ASKS_A_MINUTE: '3' } }));
    b.answers('channel_handover', () => ({ state: 'settled' }));
    a.rate(b.nodeId, 'trusted');
    await eventually(async () => {
      const { code, details } = await refusalOf(a.ask(b.nodeId, 'channel_handover', {}, { via }));
      expect({ code, details }).toEqual({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'trust_level' } });
    });
    for (let asked = 0; asked < 3; asked++) await a.ask(b.nodeId, 'user_lookup', { user_id: 'x' });
    const { code, details } = await refusalOf(a.ask(b.nodeId, 'user_lookup', { user_id: 'x' }));
    expect(code).toBe('RATE_LIMITED');
    expect(details['retry_after']).toEqual(expect.any(Number));
    b.rate(a.nodeId, 'trusted');
    await eventually(async () => expect(await a.ask(b.nodeId, 'channel_handover', {})).toEqual({ state: 'settled' }));
  });

  it('refuses a question that fits into no frame, and an answer that does not', async () => {
    await a.start();
    const via = b.place(await b.start());
    b.answers('device_logs', () => ({ logs: 'x'.repeat(600_000) }));
    for (const body of [{ users: 'y'.repeat(600_000) }, {}])
      expect((await refusalOf(a.ask(b.nodeId, 'device_logs', body, { via }))).code).toBe('MESSAGE_TOO_LARGE');
    expect(await a.ask(b.nodeId, 'user_lookup', { user_id: 'x' })).toEqual(profile('x'));
  });

  it('answers many questions at once, each with its own', async () => {
    await a.start();
    const via = b.place(await b.start());
    b.rate(a.nodeId, 'trusted');
    const ids = Array.from({ length: 200 }, (_, at) => `u${at}`);
    const answers = await Promise.all(ids.map((id) => a.ask(b.nodeId, 'user_lookup', { user_id: id }, { via })));
    expect(answers.map(({ user_id }) => user_id)).toEqual(ids);
  });
});
