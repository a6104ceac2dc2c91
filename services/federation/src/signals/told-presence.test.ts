import { describe, expect, it } from '@jest/globals';
import { ToldPresence } from './told-presence.js';

const [online, away, offline] = (['online', 'away', 'offline'] as const).map((status) => ({
  status,
  last_seen: '2026-01-02T03:04:05Z',
})) as [
  { status: 'online'; last_seen: string },
  { status: 'away'; last_seen: string },
  { status: 'offline'; last_seen: string },
];

describe('what other nodes were told', () => {
  it('is news again in other channels, or when it has changed', () => {
    const told = new ToldPresence();
    expect(told.newsIn('u', online, ['a', 'b'])).toEqual(['a', 'b']);
    told.remember('u', online, ['a'], 0);
    expect(told.newsIn('u', online, ['a', 'b'])).toEqual(['b']);
    told.remember('u', online, ['b'], 1);
    expect(told.newsIn('u', online, ['a', 'b'])).toEqual([]);
    expect(told.newsIn('u', { ...online, message: 'x' }, ['a'])).toEqual(['a']);
    expect(told.newsIn('u', away, ['a'])).toEqual(['a']);
    told.remember('u', away, ['a'], 2);
    expect(told.of('u')?.channels).toEqual(['a']);
  });

  it('finds who went lately, the newest first, and not too many', () => {
    const told = new ToldPresence();
    for (const [at, user] of ['early', 'first', 'second', 'third'].entries()) told.remember(user, offline, ['a'], at);
    told.remember('there', online, ['a'], 4);
    const names = (limit: number) => [...told.since('offline', 1, limit)].map(([user]) => user);
    expect(names(10)).toEqual(['third', 'second', 'first']);
    expect(names(2)).toEqual(['third', 'second']);
  });

  it('remembers so many channels of a user and no more', () => {
    const told = new ToldPresence();
    const channels = Array.from({ length: 1_500 }, (_, at) => `c${at}`);
    told.remember('u', online, channels, 0);
    expect(told.of('u')?.channels).toHaveLength(1_000);
  });
});
