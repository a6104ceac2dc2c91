import { describe, expect, it } from '@jest/globals';
import { blockedIds, csvOf } from './block-list-csv.js';

describe('block lists as CSV', () => {
  it('come back as they went out', () => {
    const list = [
      { id: 'c9y2m7q1.spam-user-x7k2', until: null },
      { id: 'b8x1n5p4', until: '2026-01-01T00:00:00.000Z' },
    ];
    expect(csvOf(list)).toBe('id,until\r\nc9y2m7q1.spam-user-x7k2,\r\nb8x1n5p4,2026-01-01T00:00:00.000Z\r\n');
    expect(blockedIds(csvOf(list))).toEqual(list.map(({ id }) => id));
  });

  it('are read as others write them', () => {
    const csv = '\uFEFF# a list of spammers\n"c9y2m7q1.spam-user-x7k2","spam"\n\n b8x1n5p4 \r\n';
    expect(blockedIds(csv)).toEqual(['c9y2m7q1.spam-user-x7k2', 'b8x1n5p4']);
  });
});
