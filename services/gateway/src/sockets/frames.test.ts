import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readTextFrames, textFrame } from './frames.js';

describe('textFrame (RFC 6455 §5.2)', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])('frames %d bytes', (length) => {
    const frame = textFrame('x'.repeat(length));
    expect(frame[0]).toBe(0x81);
    expect(frame[1]).toBe(length < 126 ? length : length < 65_536 ? 126 : 127);
    expect(readTextFrames(frame)).toEqual(['x'.repeat(length)]);
  });

  it('counts bytes, not characters', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 200 })), (texts) => {
        expect(readTextFrames(Buffer.concat(texts.map(textFrame)))).toEqual(texts);
      }),
    );
  });
});
