import { describe, expect, it } from '@jest/globals';
import { LocalPresence, SILENT_MS } from './local-presence.js';

const seen = (status: 'online' | 'away') => ({ status, last_seen: '2026-01-02T03:04:05Z' });

describe('who is there, as gateways say', () => {
  it('online at any gateway is online, and who is at none is not there', () => {
    const people = new LocalPresence();
    people.apply('a', 'u', seen('away'));
    people.apply('b', 'u', seen('online'));
    people.apply('c', 'u', seen('away'));
    expect(people.seen('u')?.status).toBe('online');
    people.apply('b', 'u', undefined);
    expect(people.seen('u')?.status).toBe('away');
    for (const gateway of ['a', 'c']) people.apply(gateway, 'u', undefined);
    expect(people.seen('u')).toBeUndefined();
  });

  it('a silent gateway takes its users with it', () => {
    const people = new LocalPresence();
    for (const gateway of ['a', 'b']) people.beat(gateway, 0);
    people.apply('a', 'u', seen('online'));
    people.apply('a', 'v', seen('online'));
    people.apply('b', 'v', seen('away'));
    people.beat('b', SILENT_MS);
    expect(people.forgetSilent(SILENT_MS)).toEqual([]);
    expect(people.forgetSilent(SILENT_MS + 1)).toEqual(['u', 'v']);
    expect([people.seen('u'), people.seen('v')?.status]).toEqual([undefined, 'away']);
  });

  it('remembers so many users and no more', () => {
    const people = new LocalPresence(1);
    for (const user of ['u', 'v']) people.apply('a', user, seen('online'));
    expect([people.seen('u')?.status, people.seen('v')]).toEqual(['online', undefined]);
  });
});
