import { beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import { MemoryStorage } from '../storage/storage.js';
import { MonthKeys } from './month-keys.js';
import { SearchIndex, wordsOf } from './search-index.js';

beforeAll(ready);

const made = () => {
  const storage = new MemoryStorage();
  const months = new MonthKeys(storage, async () => undefined);
  return { storage, months, index: new SearchIndex(storage, months) };
};
const message = (id: string, text: string, channelId = 'ch_a', month = '2026-11') => ({
  channelId,
  id,
  text,
  timestamp: `${month}-05T10:00:00.000Z`,
});

describe('SearchIndex', () => {
  it('finds messages that hold every word, the last one as a prefix, in any case', async () => {
    const { index } = made();
    await index.add([
      message('m1', 'The quick brown Fox'),
      message('m2', 'a slow fox'),
      message('m3', 'constructor __proto__'),
    ]);
    const ids = async (query: string) => (await index.search(query)).map(({ id }) => id);
    expect(await ids('fox')).toEqual(['m2', 'm1']);
    expect(await ids('FOX qui')).toEqual(['m1']);
    expect(await ids('constructor')).toEqual(['m3']);
    expect(await ids('toString')).toEqual([]);
    expect(await ids('...')).toEqual([]);
  });

  it('keeps channels and months apart, newest first, over a restart', async () => {
    const { storage, months, index } = made();
    await index.add([
      message('old', 'hello', 'ch_a', '2026-10'),
      message('new', 'hello'),
      message('other', 'hello', 'ch_b'),
    ]);
    await index.flush();
    const again = new SearchIndex(storage, months);
    await again.add([message('later', 'hello again')]);
    expect((await again.search('hello', { channelId: 'ch_a' })).map(({ id }) => id)).toEqual(['later', 'new', 'old']);
    expect(await again.search('hello', { channelId: 'ch_b' })).toEqual([{ channelId: 'ch_b', id: 'other' }]);
  });

  it('holds many messages in segments, each message once', async () => {
    const { storage, index } = made();
    for (let i = 0; i < 1_000; i += 100) {
      const batch = Array.from({ length: 100 }, (_, j) => message(`m${i + j}`, `number ${i + j} common`));
      await index.add(batch);
      await index.add(batch.slice(-5));
    }
    await index.flush();
    expect((await storage.keys('index/')).length).toBeLessThanOrEqual(6);
    expect(await index.search('common', { limit: 2_000 })).toHaveLength(1_000);
    expect((await index.search('number 777')).map(({ id }) => id)).toEqual(['m777']);
  });

  it('a deleted month is not found, and the storage holds no word', async () => {
    const { storage, months, index } = made();
    await index.add([message('m1', 'sesame')]);
    await index.flush();
    expect(await storage.keys('index/')).toHaveLength(1);
    for (const key of await storage.keys('index/'))
      expect(JSON.stringify(await storage.get(key))).not.toContain('sesame');
    await months.delete('2026-11');
    expect(await new SearchIndex(storage, months).search('sesame')).toEqual([]);
  });

  it('words are letters and digits of any script', () => {
    expect(wordsOf('Grüße, 世界! x2 grüße')).toEqual(['grüße', '世界', 'x2']);
  });
});
