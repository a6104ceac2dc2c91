import { describe, expect, it } from '@jest/globals';
import { StandingMap } from './standing-map.js';

const banned = (user_id: string) => ({ user_id, banned_until: null });

describe('StandingMap', () => {
  it('what is heard while everything is read anew wins over an older page', () => {
    const map = new StandingMap(() => 'aaaa1111');
    map.hear(banned('aaaa1111.old'));
    map.begin();
    map.hear({ user_id: 'aaaa1111.free' });
    map.hear(banned('aaaa1111.new'));
    map.read([banned('aaaa1111.free'), banned('aaaa1111.kept')]);
    expect(map.of('aaaa1111.old')).toBeDefined();
    map.finish();
    expect(['old', 'free', 'new', 'kept'].filter((name) => map.of(`aaaa1111.${name}`))).toEqual(['new', 'kept']);
  });

  it('keeps users of this node only, and never more than its limit', () => {
    const map = new StandingMap(() => 'aaaa1111', 2);
    for (const name of ['a', 'b', 'c']) map.hear(banned(`aaaa1111.user-${name}`));
    map.hear(banned('bbbb2222.user-d'));
    expect(map.size).toBe(2);
    expect(map.of('aaaa1111.user-a')).toBeUndefined();
    expect(map.of('bbbb2222.user-d')).toBeUndefined();
  });
});
