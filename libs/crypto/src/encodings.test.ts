import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { fromBase32, fromBase64, fromHex, fromUtf8, toBase32, toBase64, toHex, toUtf8 } from './encodings.js';

const bytes = fc.uint8Array({ maxLength: 400 });
const refusal = expect.objectContaining({ code: 'invalid_encoding' });

// RFC 4648 §10.
const FOOBAR: [string, string, string][] = [
  ['', '', ''],
  ['f', 'Zg==', 'my'],
  ['fo', 'Zm8=', 'mzxq'],
  ['foo', 'Zm9v', 'mzxw6'],
  ['foob', 'Zm9vYg==', 'mzxw6yq'],
  ['fooba', 'Zm9vYmE=', 'mzxw6ytb'],
  ['foobar', 'Zm9vYmFy', 'mzxw6ytboi'],
];

describe('base64', () => {
  it.each(FOOBAR)('RFC 4648: %j', (text, base64, _base32) => {
    expect(toBase64(toUtf8(text))).toBe(base64);
    expect(fromUtf8(fromBase64(base64))).toBe(text);
  });

  it('reads what it writes, in every accepted spelling', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = toBase64(value);
        expect(text).toBe(Buffer.from(value).toString('base64'));
        const url = text.replaceAll('+', '-').replaceAll('/', '_');
        for (const spelling of [text, url, text.replaceAll('=', ''), url.replaceAll('=', '')]) {
          expect(fromBase64(spelling)).toEqual(value);
        }
      }),
    );
  });

  it('writes long values in chunks', () => {
    const value = new Uint8Array(100_001).fill(0xa7);
    expect(toBase64(value)).toBe(Buffer.from(value).toString('base64'));
    expect(fromBase64(toBase64(value))).toEqual(value);
  });

  it.each([
    'A',
    'AAAAA',
    'Zg=',
    'Zg===',
    'Zm8==',
    'Zm9v=',
    'Zm9v====',
    '=',
    '====',
    'Z=g=',
    'Zg==Zg==', // padding, length
    ' Zg==',
    'Zg==\n',
    'Zm 9v',
    'Zm9v\u0000',
    'Zm9é',
    'Zm9\u0130',
    '+_AA',
    '-/AA', // foreign characters, both alphabets
    'Zh==',
    'Zm9=',
    'Zh',
    'Zm9', // spare bits set
  ])('refuses %j', (text) => {
    expect(() => fromBase64(text)).toThrow(refusal);
  });
});

describe('base32', () => {
  it.each(FOOBAR)('RFC 4648, lower case without padding: %j', (text, _base64, base32) => {
    expect(toBase32(toUtf8(text))).toBe(base32);
    expect(fromUtf8(fromBase32(base32))).toBe(text);
  });

  it('reads what it writes', () => {
    fc.assert(fc.property(bytes, (value) => expect(fromBase32(toBase32(value))).toEqual(value)));
  });

  it.each(['a', 'aaa', 'aaaaaa', 'MY', 'my======', 'm1', 'm8', 'mz', 'mzxr', ' my'])('refuses %j', (text) => {
    expect(() => fromBase32(text)).toThrow(refusal);
  });
});

describe('hex', () => {
  it('reads what it writes, and upper case', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toHex(value)).toBe(Buffer.from(value).toString('hex'));
        expect(fromHex(toHex(value).toUpperCase())).toEqual(value);
      }),
    );
  });

  it.each(['0', '0g', '0x00', ' 00', '00\n'])('refuses %j', (text) => {
    expect(() => fromHex(text)).toThrow(refusal);
  });
});

describe('UTF-8', () => {
  it('reads what it writes', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => expect(fromUtf8(toUtf8(text))).toBe(text)));
  });

  it('keeps a byte order mark', () => {
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  });

  it.each(['\ud800', 'a\udc00b', '\udc00\ud800'])('refuses a lone surrogate: %j', (text) => {
    expect(() => toUtf8(text)).toThrow(refusal);
  });

  it.each([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]])(
    'refuses bytes that are not UTF-8: %j',
    (...value) => {
      expect(() => fromUtf8(Uint8Array.from(value))).toThrow(refusal);
    },
  );
});
