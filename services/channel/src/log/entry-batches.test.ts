import { type Entry, MAX_BATCH_BYTES } from '@dcp/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fitting } from '../history/page.js';
import { entryBatches } from './entry-batches.js';
import { wireSize } from './wire-size.js';

const entry = (seq: number, text: string): Entry => ({
  seq,
  id: 'msg_aaaaaaaaaaaaaaaa',
  type: 'text',
  author: 'a7f3k9m2.alice-river-7x9k',
  received_at: '2026-01-01T00:00:00.000Z',
  body: JSON.stringify({ text }),
});

const BUS_LIMIT = 1024 * 1024;
/** Texts that grow on the bus: quotes, backslashes, control characters, all lengths of UTF-8. */
const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u0001', 'ä', '€', '😀'), maxLength: 500 });
const long = fc.tuple(text, fc.integer({ min: 1, max: 60 })).map(([unit, times]) => unit.repeat(times));

describe('the size of entries on the bus', () => {
  it('is never less than what JSON makes of them', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (body, seq) => {
        const one = entry(seq, body);
        expect(wireSize(one)).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(one)));
      }),
    );
  });

  it('batches hold every entry once and in order, and keep their limit', () => {
    fc.assert(
      fc.property(fc.array(long, { maxLength: 60 }), (texts) => {
        const entries = texts.map((body, i) => entry(i + 1, body));
        const batches = entryBatches('ch_one', '#one', entries);
        expect(batches.flatMap((batch) => batch.entries)).toEqual(entries);
        for (const batch of batches) {
          expect(batch.entries.length).toBeGreaterThan(0);
          const bytes = Buffer.byteLength(JSON.stringify(batch.entries));
          if (batch.entries.length > 1) expect(bytes).toBeLessThanOrEqual(MAX_BATCH_BYTES);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('a page fits into one bus message and is never empty', () => {
    const large = Array.from({ length: 100 }, (_, i) => entry(i + 1, '"\\'.repeat(15_000)));
    const page = fitting(large);
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(BUS_LIMIT);
    expect(page).toEqual(large.slice(0, page.length));
    expect(page.length).toBeGreaterThan(4);
    expect(fitting(large.slice(0, 1))).toHaveLength(1);
    expect(fitting([])).toEqual([]);
  });
});
