import { describe, expect, it } from '@jest/globals';
import { ChannelHomes } from './channel-homes.js';

const store = (homes: Record<string, string>) => {
  const asked: string[][] = [];
  const homesOf = async (ids: readonly string[]) => {
    asked.push([...ids]);
    return new Map(ids.flatMap((id) => (homes[id] === undefined ? [] : [[id, homes[id]] as const])));
  };
  return { asked, homesOf };
};

describe('where channels have their homes', () => {
  it('is asked once for what is not remembered, and together', async () => {
    const replicas = store({ a: 'north', b: 'south' });
    const homes = new ChannelHomes(replicas);
    expect(await homes.of('a')).toBe('north');
    expect(await homes.ofAll(['a', 'b', 'c', 'c'])).toEqual(
      new Map([
        ['a', 'north'],
        ['b', 'south'],
      ]),
    );
    expect(await homes.of('c')).toBeNull();
    expect(replicas.asked).toEqual([['a'], ['b', 'c']]);
  });

  it('is asked in pages', async () => {
    const replicas = store({ c5999: 'north' });
    const ids = Array.from({ length: 6_000 }, (_, at) => `c${at}`);
    expect([...(await new ChannelHomes(replicas).ofAll(ids))]).toEqual([['c5999', 'north']]);
    expect(replicas.asked.map(({ length }) => length)).toEqual([5_000, 1_000]);
  });
});
