import { describe, expect, it } from '@jest/globals';
import { fromLine, toLine } from './lines.js';

const parse = (value: unknown) => {
  if (typeof value !== 'object') throw new Error('no object');
  return value;
};
const read = (line: string) => fromLine(line, 'a proposal', parse);

describe('a line that people send each other', () => {
  it('holds what was put in, also where a program has broken it', () => {
    const value = { to: 'bbbbbbbb', text: 'ü?>~'.repeat(40) };
    const line = toLine(value);
    expect(line).toMatch(/^[\w-]+$/);
    expect(read(line)).toEqual(value);
    expect(read(`  ${line.slice(0, 70)}\r\n${line.slice(70)}\n`)).toEqual(value);
  });

  it('is refused when it is something else, in words that repeat nothing of it', () => {
    for (const line of ['', 'hello', '{"a":1}', toLine({ a: 1 }).slice(0, -3), Buffer.from('1').toString('base64url')])
      expect(() => read(line)).toThrow(/^This is not a proposal: it is one long line/);
    expect(() => read(Buffer.from('[1]').toString('base64url').replace('W', '\u001B'))).toThrow(/not a proposal/);
  });

  it('is not longer than 16 KiB', () => {
    const lineOf = (length: number) => toLine({ x: 'a'.repeat((length / 4) * 3 - 8) });
    expect(lineOf(16_384)).toHaveLength(16_384);
    expect(read(lineOf(16_384))).toHaveProperty('x');
    expect(() => read(lineOf(16_388))).toThrow(/not a proposal/);
  });
});
