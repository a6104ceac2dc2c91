import type { RemotePresence } from '@dcp/contracts';
import { describe, expect, it } from '@jest/globals';
import { RemotePresenceMap } from './remote-presence.js';

const ANNA = 'northnod.anna-7x9k';
const MINUTE = 60_000;
const word = (more: Partial<RemotePresence> = {}): RemotePresence => ({
  node_id: 'northnod',
  user_id: ANNA,
  status: 'online',
  last_seen: '2026-01-02T03:04:05Z',
  channels: ['a'],
  ...more,
});

describe('users of other nodes', () => {
  it('are shown once in each channel, and anew when something has changed', () => {
    const map = new RemotePresenceMap();
    expect(map.shown(ANNA)).toBeUndefined();
    expect(map.apply(word(), 0)).toMatchObject({ user_id: ANNA, status: 'online', channels: ['a'] });
    expect(map.apply(word(), 1)).toBeUndefined();
    expect(map.apply(word({ channels: ['a', 'b'] }), 2)?.channels).toEqual(['b']);
    expect(map.apply(word({ status: 'away', message: 'Lunch', channels: ['a', 'b'] }), 3)).toMatchObject({
      message: 'Lunch',
      channels: ['a', 'b'],
    });
    expect(map.shown(ANNA)).toMatchObject({ status: 'away', message: 'Lunch' });
  });

  it('are what their own node says, not what the home of a channel says', () => {
    const map = new RemotePresenceMap();
    const home = { node_id: 'homenode', channels: ['h'] };
    expect(map.apply(word(home), 0)?.status).toBe('online');
    expect(map.apply(word({ status: 'away' }), 1)).toMatchObject({ status: 'away', channels: ['a'] });
    expect(map.apply(word({ ...home, status: 'offline', message: 'not so' }), 2)).toMatchObject({
      status: 'away',
      message: undefined,
      channels: ['h'],
    });
    expect(map.shown(ANNA)?.status).toBe('away');
    expect(map.apply(word({ ...home, status: 'online' }), 15 * MINUTE + 1)?.status).toBe('online');
  });

  it('are what a home says when their own node is gone', () => {
    const map = new RemotePresenceMap();
    map.apply(word({ status: 'offline' }), 0);
    const home = word({ node_id: 'homenode' });
    expect(map.apply(home, 1)).toBeUndefined();
    expect(map.nodeGone('northnod')).toEqual([]);
    expect(map.apply(home, 2)?.status).toBe('online');
  });

  it('are offline when their node is gone, and so are those of whom it spoke', () => {
    const map = new RemotePresenceMap();
    const [bert, carl] = ['westnode.bert-7x9k', 'westnode.carl-7x9k'];
    map.apply(word({ channels: ['a', 'b'] }), 0);
    map.apply(word({ user_id: bert }), 0);
    map.apply(word({ user_id: carl, node_id: 'westnode' }), 0);
    const gone = map.nodeGone('northnod');
    expect(gone.map(({ user_id, status, channels }) => [user_id, status, channels])).toEqual([
      [bert, 'offline', ['a']],
      [ANNA, 'offline', ['a', 'b']],
    ]);
    expect(map.shown(ANNA)).toMatchObject({ status: 'offline', lastSeen: '2026-01-02T03:04:05Z' });
    expect(map.shown(carl)?.status).toBe('online');
    expect(map.nodeGone('northnod')).toEqual([]);
    expect(map.apply(word(), 1)?.status).toBe('online');
  });

  it('are offline when nothing was heard of them for 15 minutes', () => {
    const map = new RemotePresenceMap();
    const other = 'northnod.bert-7x9k';
    for (const user_id of [ANNA, other]) map.apply(word({ user_id }), 0);
    map.apply(word(), 5 * MINUTE);
    expect(map.expire(15 * MINUTE - 1)).toEqual([]);
    expect(map.expire(15 * MINUTE).map(({ user_id, status }) => [user_id, status])).toEqual([[other, 'offline']]);
    expect(map.expire(20 * MINUTE).map(({ user_id }) => user_id)).toEqual([ANNA]);
  });

  it('are so many and no more, with so many channels', () => {
    const map = new RemotePresenceMap(3, 1_000);
    for (const at of [1, 2, 3, 4]) map.apply(word({ user_id: `northnod.u${at}-7x9k` }), at);
    expect(map.size).toBe(3);
    expect(map.shown('northnod.u1-7x9k')).toBeUndefined();
    map.apply(word({ channels: Array.from({ length: 1_100 }, (_, at) => `c${at}`) }), 5);
    expect(map.size).toBeLessThan(3);
    expect(map.shown(ANNA)?.status).toBe('online');
  });
});
