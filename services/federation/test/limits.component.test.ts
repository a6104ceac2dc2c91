import { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BadPeer } from './support/bad-peer.js';
import { type Instance, TestNode } from './support/node.js';
import { refusalOf } from './support/refusal.js';

describe('the limits of a link', () => {
  let node: TestNode;
  let peer: BadPeer;
  let instance: Instance;

  beforeEach(async () => {
    node = await TestNode.open('127.0.0.1');
    peer = new BadPeer();
  });
  afterEach(async () => {
    peer.close();
    await node.close();
  });

  const linked = async (env: Record<string, string>) => {
    instance = await node.start({ env });
    await eventually(async () => expect((await instance.health.report()).ready).toBe(true));
    await peer.dial(node.place(instance), node.nodeId);
    expect(peer.isLinked).toBe(true);
  };
  const ask = (id: string) => ({ type: 'ask', id, kind: 'user_lookup', body: { user_id: 'x' } });
  const counted = async (reason: string) =>
    expect(await instance.metrics.text()).toMatch(new RegExp(`refused_total\\{reason="${reason}",.*\\} 1`));

  it('a node that asks and does not read is cut off', async () => {
    node.answers('user_lookup', () => ({ user_id: 'x'.repeat(400_000) }));
    await linked({ DCP_FEDERATION_MAX_BUFFERED: '1000000' });
    peer.ws.pause();
    for (let batch = 0; batch < 20; batch++) peer.ws.send(peer.batch([ask(`a${batch}`), ask(`b${batch}`)]));
    await eventually(() => counted('slow'), 20_000);
    await eventually(async () => expect(await instance.metrics.text()).toMatch(/dcp_federation_links\{.*\} 0/));
  });

  it('a node that asks too much at once is told when to ask again, and the rest is answered', async () => {
    let answer: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (answer = resolve));
    node.answers('user_lookup', async () => {
      await asked;
      return { ok: true };
    });
    await linked({ DCP_FEDERATION_MAX_IN_FLIGHT: '2' });
    peer.ws.send(peer.batch([ask('1'), ask('2'), ask('3')]));
    expect(await peer.next('error')).toMatchObject({
      id: '3',
      error: { code: 'RATE_LIMITED', details: { reason: 'in_flight', retry_after: 1 } },
    });
    answer();
    await eventually(() =>
      expect(peer.heard.filter(({ type }) => type === 'answer').map(({ id }) => id)).toEqual(['1', '2']),
    );
  });

  it('[DCP-14.2-10] a node that answers nothing is waited for no longer than asked, and nobody waits in masses', async () => {
    await linked({ DCP_FEDERATION_MAX_WAITING: '3' });
    const asking = Array.from({ length: 4 }, () =>
      refusalOf(node.ask(peer.nodeId, 'user_lookup', { user_id: 'x' }, { timeout_ms: 500 })),
    );
    const refused = (await Promise.all(asking)).map(({ code, details }) => `${code} ${String(details['reason'])}`);
    expect(refused.toSorted()).toEqual([
      'NODE_UNREACHABLE overloaded',
      ...Array.from({ length: 3 }, () => 'NODE_UNREACHABLE timeout'),
    ]);
  });

  it('a node that has gone without a word is noticed', async () => {
    await linked({ DCP_FEDERATION_PING_MS: '50', DCP_FEDERATION_DEAD_MS: '300' });
    const waiting = refusalOf(node.ask(peer.nodeId, 'user_lookup', { user_id: 'x' }));
    peer.ws.pause();
    expect(await waiting).toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'link_lost' } });
  });

  it('an error of a service travels without its inside', async () => {
    node.answers('user_lookup', ({ body }) => {
      if (body['user_id'] === 'x') throw new Error('password=1234');
      throw new DcpError('USER_NOT_FOUND');
    });
    await linked({});
    peer.ws.send(peer.batch([ask('1')]));
    const error = await peer.next('error');
    expect(error).toMatchObject({ id: '1', error: { code: 'INTERNAL_ERROR', number: 9000, details: {} } });
    expect(JSON.stringify(error)).not.toContain('1234');
  });
});
