import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { headAfter } from './running-head.js';

describe('the running hash of an order', () => {
  it('is what its description says', () => {
    const body = createHash('sha256').update('{"a":1}').digest();
    const bytes = Buffer.concat([Buffer.alloc(32), Buffer.from([0, 0, 0, 0, 0, 0, 1, 2]), body]);
    const expected = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    expect(headAfter(null, [{ seq: 258, body: '{"a":1}' }])).toBe(expected);
  });

  it('depends on every body, on every number and on what was before', () => {
    const entries = [1, 2, 3].map((seq) => ({ seq, body: `b${seq}` }));
    const head = headAfter(null, entries);
    expect(headAfter(headAfter(null, entries.slice(0, 2)), entries.slice(2))).toBe(head);
    expect(headAfter(null, [...entries.slice(0, 2), { seq: 3, body: 'other' }])).not.toBe(head);
    expect(headAfter(null, [...entries.slice(0, 2), { seq: 4, body: 'b3' }])).not.toBe(head);
    expect(headAfter(`sha256:${'1'.repeat(64)}`, entries)).not.toBe(head);
    expect(headAfter(null, [])).toBeNull();
  });
});
