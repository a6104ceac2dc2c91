import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ChannelCursor, type EntryEvent } from './channel-cursor.js';

const event = (seq: number): EntryEvent => ({
  event: 'message_hidden',
  data: { channel: '#x', channel_id: 'ch_x', seq },
});

/** Until it has seen so many, ten seconds at most. */
async function untilSeen(seen: readonly number[], count: number): Promise<void> {
  for (let waited = 0; seen.length < count && waited < 10_000; waited += 50) await delay(50);
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

function follow(log: () => number, fail: () => boolean = () => false) {
  const seen: number[] = [];
  const cursor = new ChannelCursor(
    'ch_x',
    '#x',
    0,
    ({ data }) => seen.push(data.seq),
    async (behind) => {
      await turns();
      if (fail()) throw new Error('the connection is gone');
      const missing = Array.from({ length: log() - behind.lastSeq }, (_, i) => event(behind.lastSeq + 1 + i));
      behind.fill(missing, log());
    },
  );
  return { cursor, seen };
}

describe('ChannelCursor', () => {
  it('lets each number through once and in order, whatever comes twice or is missing', async () => {
    const arrivals = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(arrivals, async (seqs) => {
        let head = 0;
        const { cursor, seen } = follow(() => head);
        for (const seq of seqs) {
          head = Math.max(head, seq);
          cursor.accept(event(seq));
          if (seq % 3 === 0) await turns();
        }
        for (let i = 0; i < 5; i++) await turns();
        cursor.accept(event(head + 1));
        for (let i = 0; i < 5; i++) await turns();
        expect(seen).toEqual(seen.toSorted((a, b) => a - b));
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
        expect(seen.length).toBeGreaterThanOrEqual(head);
      }),
      { numRuns: 50 },
    );
  });

  it('a gap that could not be read leaves the place as it was', async () => {
    const { cursor, seen } = follow(
      () => 5,
      () => true,
    );
    cursor.accept(event(3));
    for (let i = 0; i < 3; i++) await turns();
    expect(seen).toEqual([]);
    expect(cursor.lastSeq).toBe(0);
  });

  it('a gap that the node could not tell at first is read again, though nothing more comes', async () => {
    let failures = 1;
    const { cursor, seen } = follow(
      () => 3,
      () => failures-- > 0,
    );
    cursor.accept(event(3));
    await untilSeen(seen, 3);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('of a channel that was left nothing comes any more, whatever was still being read', async () => {
    const { cursor, seen } = follow(() => 3);
    cursor.accept(event(3));
    cursor.stop();
    for (let i = 0; i < 3; i++) await turns();
    cursor.accept(event(4));
    expect(seen).toEqual([]);
  });

  it('what is still ahead of a gap after it was read waits for the next try', async () => {
    let head = 1;
    const { cursor, seen } = follow(() => head);
    cursor.accept(event(4));
    for (let i = 0; i < 3; i++) await turns();
    expect(seen).toEqual([1]);
    cursor.accept(event(2));
    head = 3;
    await untilSeen(seen, 4);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('numbers that the node leaves out of a page are passed over', async () => {
    const seen: number[] = [];
    const cursor = new ChannelCursor(
      'ch_x',
      '#x',
      0,
      ({ data }) => seen.push(data.seq),
      async (behind) => {
        behind.fill([event(2)], 4);
      },
    );
    cursor.gap();
    await turns();
    cursor.accept(event(5));
    expect(seen).toEqual([2, 5]);
  });
});
