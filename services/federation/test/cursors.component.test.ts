import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CursorStore } from '../src/feed/cursor.store.js';
import { type Instance, TestNode } from './support/node.js';

describe('what other nodes have taken', () => {
  let node: TestNode;
  let instance: Instance;

  beforeAll(async () => {
    node = await TestNode.open('127.0.0.1');
    instance = await node.start();
    const lease = "insert into leases (peer, holder, token, until) values ($1, 'a', $2, now() + interval '1 hour')";
    await instance.pool.query(lease, ['peeraaaa', 7]);
    await instance.pool.query(lease, ['peerbbbb', 8]);
  });
  afterAll(() => node.close());

  it('is written by who has the lease only, of many nodes and channels at the same time', async () => {
    const cursors = new CursorStore(instance.pool);
    const [a, old, b] = [
      { peer: 'peeraaaa', token: 7 },
      { peer: 'peerbbbb', token: 6 },
      { peer: 'peerbbbb', token: 8 },
    ];
    const cursor = (seq: number) => ({ seq, head: null, epoch: 1 });
    // The first is alone in its statement, the others wait for it and share the next.
    const first = cursors.put(a, 'ch_one', cursor(1));
    await new Promise((resolve) => setImmediate(resolve));
    const others = [
      cursors.put(a, 'ch_two', cursor(2), { to: 5, head: 'sha256:x' }),
      cursors.put(old, 'ch_one', cursor(3)),
      cursors.put(b, 'ch_two', cursor(4)),
      cursors.put({ peer: 'nobodyyy', token: 1 }, 'ch_one', cursor(5)),
    ];
    expect(await first).toBe(true);
    expect(await Promise.all(others)).toEqual([true, false, true, false]);
    expect(await cursors.ofPeer('peeraaaa')).toEqual(
      new Map([
        ['ch_one', { ...cursor(1), sentTo: null }],
        ['ch_two', { ...cursor(2), sentTo: 5 }],
      ]),
    );
    expect(await cursors.ofPeer('peerbbbb')).toEqual(new Map([['ch_two', { ...cursor(4), sentTo: null }]]));
    expect(await cursors.put(a, 'ch_two', cursor(6))).toBe(true);
    expect((await cursors.ofPeer('peeraaaa')).get('ch_two')).toEqual({ ...cursor(6), sentTo: null });
  });
});
