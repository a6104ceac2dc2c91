import type { EntryBatch } from '@dcp/contracts';
import { describe, expect, it } from '@jest/globals';
import { RecentEntries } from './recent-entries.js';

const batch = (from: number, to: number, size = 10, channel_id = 'ch_a'): EntryBatch => ({
  channel_id,
  name: '#a',
  entries: Array.from({ length: to - from + 1 }, (_, i) => {
    const seq = from + i;
    return { seq, id: `m${seq}`, type: 'text', author: 'a.b', received_at: '', body: 'x'.repeat(size) };
  }),
});

describe('entries that were committed last', () => {
  const seqs = (recent: RecentEntries, after: number, limit = 200, channel = 'ch_a') =>
    recent.after(channel, after, limit)?.entries.map(({ seq }) => seq);

  it('are had right behind a number that is not older than they are', () => {
    const recent = new RecentEntries();
    recent.add(batch(5, 6));
    recent.add(batch(7, 7));
    expect(seqs(recent, 4)).toEqual([5, 6, 7]);
    expect(seqs(recent, 5)).toEqual([6, 7]);
    expect(seqs(recent, 4, 2)).toEqual([5, 6]);
    expect(seqs(recent, 3)).toBeUndefined();
    expect(seqs(recent, 7)).toBeUndefined();
    expect(seqs(recent, 9)).toBeUndefined();
    expect(seqs(recent, 4, 200, 'ch_b')).toBeUndefined();
  });

  it('have no gap: what does not follow takes the place of what was there', () => {
    const recent = new RecentEntries();
    recent.add(batch(1, 2));
    recent.add(batch(4, 4));
    expect(seqs(recent, 0)).toBeUndefined();
    expect(seqs(recent, 3)).toEqual([4]);
    recent.add(batch(4, 5));
    expect(seqs(recent, 3)).toEqual([4, 5]);
  });

  it('are no more than fit', () => {
    const recent = new RecentEntries();
    recent.add(batch(1, 150));
    recent.add(batch(151, 250));
    expect(seqs(recent, 0)).toBeUndefined();
    expect(seqs(recent, 150)?.length).toBe(100);
    recent.add(batch(251, 260, 60_000));
    expect(seqs(recent, 250)).toBeUndefined();
    recent.add(batch(261, 261));
    recent.forget('ch_a');
    expect(seqs(recent, 260)).toBeUndefined();
  });
});
