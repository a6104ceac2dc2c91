import { describe, expect, it } from '@jest/globals';
import type { KeyMessage } from '@dcp/protocol';
import { placeMessages, type QueueHead } from './placement.js';

const LIMITS = { items: 3, bytes: 100 };

const head = (device: string, more: Partial<QueueHead> = {}): QueueHead => {
  return { user_id: 'abcd1234.bob', device, head: 7, items: 0, bytes: 0, moved: false, ...more };
};
const message = (device: string, id: string, size = 10): KeyMessage => {
  return { user_id: 'abcd1234.bob', device, id, body: 'A'.repeat(size) };
};
const place = (messages: KeyMessage[], heads: QueueHead[], known: string[] = []) => {
  const { placed, unknown, full, touched } = placeMessages(messages, heads, new Set(known), LIMITS);
  const names = (devices: { device: string }[]) => devices.map(({ device }) => device);
  return {
    placed: placed.map(({ message: { id }, seq }) => [id, seq]),
    unknown: names(unknown),
    full: names(full),
    touched: names(touched),
  };
};

describe('placing messages into queues', () => {
  it('numbers each queue on its own, without gaps', () => {
    const result = place(
      [message('a', '1'), message('b', '2'), message('a', '3')],
      [head('a'), head('b', { head: 0 })],
    );
    expect(result.placed).toEqual([
      ['1', 8],
      ['2', 1],
      ['3', 9],
    ]);
  });

  it('passes over what is known and what comes twice, and tells their queues all the same', () => {
    const known = ['abcd1234.bob/a/1'];
    const result = place([message('a', '1'), message('b', '2'), message('b', '2')], [head('a'), head('b')], known);
    expect(result).toEqual({ placed: [['2', 8]], unknown: [], full: [], touched: ['a', 'b'] });
  });

  it('a queue that refuses one takes nothing behind it', () => {
    const messages = [message('a', '1', 60), message('a', '2', 60), message('a', '3', 1), message('b', '4')];
    expect(place(messages, [head('a'), head('b')])).toEqual({
      placed: [
        ['1', 8],
        ['4', 8],
      ],
      unknown: [],
      full: ['a'],
      touched: ['a', 'b'],
    });
    expect(place([message('a', '1')], [head('a', { items: 3 })])).toMatchObject({ full: ['a'], touched: [] });
  });

  it('what a full queue holds already is no reason to refuse', () => {
    const result = place([message('a', '1')], [head('a', { items: 3 })], ['abcd1234.bob/a/1']);
    expect(result).toEqual({ placed: [], unknown: [], full: [], touched: ['a'] });
  });

  it('names each unknown device once', () => {
    expect(place([message('x', '1'), message('x', '2')], [])).toMatchObject({ unknown: ['x'], placed: [] });
  });
});
