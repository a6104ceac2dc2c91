import { describe, expect, it } from '@jest/globals';
import { blockListText, idsOf } from './trust-lists.js';

const BLOCKED = [
  { id: 'c9y2m7q1.spam-user-x7k2', until: null },
  { id: 'b8x1n5p4', until: '2026-01-01T00:00:00.000Z' },
];
const IDS = BLOCKED.map(({ id }) => id);

describe('block lists as files', () => {
  it('are read as they are written, as JSON and as CSV', () => {
    for (const csv of [true, false]) expect(idsOf(blockListText(BLOCKED, csv))).toEqual(IDS);
  });

  it('are read as others write them, each id once', () => {
    expect(idsOf(JSON.stringify([...IDS, ...IDS]))).toEqual(IDS);
    expect(idsOf(`# spammers\n"${IDS[0] ?? ''}","why"\n\n${IDS[1] ?? ''}\n`)).toEqual(IDS);
  });

  it('something else is refused', () => {
    for (const text of ['{"users": []}', '[1]', '[{"name": "x"}]']) expect(() => idsOf(text)).toThrow(/block list/);
  });
});
