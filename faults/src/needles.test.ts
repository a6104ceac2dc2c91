import { describe, expect, it } from '@jest/globals';
import { needlesOf, search } from './needles.js';

const MARKER = 'zq7k4m1x9w2v8t5r3p6n0b7j';
const needles = needlesOf(MARKER);
const forms = (bytes: Buffer) => search(bytes, needles).map(({ form }) => form);

describe('needles', () => {
  it('find a marker as it is and in wide characters', () => {
    expect(forms(Buffer.from(`some ${MARKER} text`))).toEqual(['ascii']);
    expect(forms(Buffer.from(`{"text":"${MARKER.slice(0, 16)}…`))).toEqual(['ascii']);
    expect(forms(Buffer.from(MARKER.toUpperCase()))).toEqual(['upper case']);
    expect(forms(Buffer.from(MARKER, 'utf16le'))).toEqual(['utf-16']);
    expect(forms(Buffer.from(MARKER, 'utf16le').swap16())).toEqual(['utf-16']);
  });

  it('find it in hex and, wherever it begins, in base64', () => {
    const within = (before: string) => Buffer.from(`${before}${MARKER}, and more`);
    expect(forms(Buffer.from(within('a').toString('hex')))).toEqual(['hex']);
    expect(forms(Buffer.from(within('a').toString('hex').toUpperCase()))).toEqual(['HEX']);
    for (const before of ['', 'a', 'ab', 'abc', 'abcd'])
      expect(forms(Buffer.from(within(before).toString('base64')))).toEqual([`base64+${before.length % 3}`]);
    expect(forms(Buffer.from(within('a').toString('base64url')))).toEqual(['base64+1']);
  });

  it('find nothing where it is not', () => {
    expect(forms(Buffer.from(MARKER.slice(1)))).toEqual([]);
    expect(forms(Buffer.from('aa'.repeat(100)))).toEqual([]);
  });
});
