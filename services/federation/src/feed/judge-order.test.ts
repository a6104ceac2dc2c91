import { describe, expect, it } from '@jest/globals';
import { type HeardOrder, judgeOrder, type ShownOrder } from './judge-order.js';

const heard: HeardOrder = {
  home: 'aaaaaaaa',
  epoch: 2,
  base: 10,
  baseHead: 'h10',
  seq: 20,
  head: 'h20',
  stopped: false,
};
const shown = (from: number, to: number, prev_head: string | null, more: Partial<ShownOrder> = {}): ShownOrder => ({
  home: 'aaaaaaaa',
  order: { epoch: 2, from, to, prev_head, head: `h${to}` },
  headAtHeard: from <= 20 && to >= 20 ? 'h20' : null,
  wiped: false,
  ...more,
});

describe('what a home says of its order', () => {
  it('takes the first word, what follows, and a new beginning', () => {
    expect(judgeOrder(undefined, shown(5, 6, 'h4'))).toBe('take');
    expect(judgeOrder(heard, shown(21, 25, 'h20'))).toBe('take');
    expect(judgeOrder(heard, shown(40, 41, null))).toBe('take');
    expect(judgeOrder(heard, shown(11, 25, 'h10'))).toBe('take');
  });

  it('knows a repetition', () => {
    expect(judgeOrder(heard, shown(11, 20, 'h10'))).toBe('repeat');
    expect(judgeOrder(heard, shown(11, 15, 'h10'))).toBe('repeat');
    expect(judgeOrder(heard, shown(5, 9, 'h4'))).toBe('repeat');
    expect(judgeOrder(heard, shown(11, 20, 'h10', { headAtHeard: 'x', wiped: true }))).toBe('repeat');
    const first = { ...heard, baseHead: null };
    expect(judgeOrder(first, shown(11, 20, null))).toBe('repeat');
  });

  it('notices two orders of one channel', () => {
    expect(judgeOrder(heard, shown(21, 25, 'other'))).toBe('conflict');
    expect(judgeOrder(heard, shown(11, 20, 'other'))).toBe('conflict');
    expect(judgeOrder(heard, shown(11, 20, 'h10', { headAtHeard: 'other' }))).toBe('conflict');
    expect(judgeOrder(heard, shown(11, 25, 'h10', { headAtHeard: 'other' }))).toBe('conflict');
    expect(judgeOrder({ ...heard, baseHead: null }, shown(11, 20, null, { headAtHeard: 'other' }))).toBe('conflict');
  });

  it('leaves a later epoch to who knows of hand-overs, and takes none of an earlier one', () => {
    const of = (epoch: number, from: number, to: number, home = 'bbbbbbbb') => {
      const { order, ...rest } = shown(from, to, null, { home });
      return { ...rest, order: { ...order, epoch } };
    };
    expect(judgeOrder(heard, of(3, 20, 21))).toBe('take');
    expect(judgeOrder(heard, of(3, 20, 21, 'aaaaaaaa'))).toBe('take');
    expect(judgeOrder(heard, of(2, 20, 21))).toBe('foreign');
    expect(judgeOrder(heard, of(1, 20, 21))).toBe('old_epoch');
    expect(judgeOrder(heard, of(1, 21, 21, 'aaaaaaaa'))).toBe('old_epoch');
    expect(judgeOrder({ ...heard, stopped: true }, of(3, 20, 21))).toBe('stopped');
  });

  it('takes nothing more after that, nothing of another node, nothing behind a gap', () => {
    expect(judgeOrder({ ...heard, stopped: true }, shown(21, 25, 'h20'))).toBe('stopped');
    expect(judgeOrder(heard, shown(21, 25, 'h20', { home: 'bbbbbbbb' }))).toBe('foreign');
    expect(judgeOrder(heard, shown(22, 25, 'h21'))).toBe('gap');
    expect(judgeOrder(heard, shown(15, 25, 'h14'))).toBe('gap');
  });
});
