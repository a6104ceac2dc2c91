import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { useBrotli } from './brotli-codec.js';
import { PADDING_BUCKETS, packContent, sealMessage, toUtf8, unpackContent } from './index.js';
import { ready } from './index.node.js';
import { nativeBrotli } from './native-brotli.js';

beforeAll(ready);
afterEach(() => useBrotli(nativeBrotli));

const malformed = expect.objectContaining({ code: 'malformed' });

/** Bytes that do not compress. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

function form(codec: number, length: number, data: Uint8Array, size = 256): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes[0] = codec;
  new DataView(bytes.buffer).setUint32(1, length);
  bytes.set(data, 5);
  return bytes;
}

describe('packContent', () => {
  it('[DCP-12.4-05] 1, 10 and 100 characters make ciphertexts of one length', () => {
    const lengths = [1, 10, 100].map((count) => {
      const { ciphertext } = sealMessage(new Uint8Array(32), packContent(toUtf8('a'.repeat(count))), new Uint8Array(0));
      return ciphertext.length;
    });
    expect(lengths).toEqual([272, 272, 272]);
  });

  it('[DCP-12.4-05] there are five sizes, each used up to its last byte', () => {
    expect(PADDING_BUCKETS).toEqual([256, 1024, 4096, 16_384, 45_056]);
    for (const [at, size] of PADDING_BUCKETS.entries()) {
      expect(packContent(noise(size - 5))).toHaveLength(size);
      const next = PADDING_BUCKETS[at + 1];
      if (next === undefined)
        expect(() => packContent(noise(size - 4))).toThrow(expect.objectContaining({ code: 'too_large' }));
      else expect(packContent(noise(size - 4))).toHaveLength(next);
    }
  });

  it('compresses where that saves a size, and only there', () => {
    const talk = toUtf8('to be or not to be, that is the question. '.repeat(40));
    expect([packContent(talk)[0], packContent(talk).length]).toEqual([1, 256]);
    expect(packContent(toUtf8('a'.repeat(200)))[0]).toBe(0);
    expect(packContent(noise(3000))[0]).toBe(0);
    const large = toUtf8('to be or not to be, that is the question. '.repeat(1400));
    expect(unpackContent(packContent(large))).toEqual(large);
    expect(() => packContent(new Uint8Array(65_537))).toThrow(expect.objectContaining({ code: 'too_large' }));
  });

  it('leaves the content as it is where nothing compresses', () => {
    useBrotli({ decompress: nativeBrotli.decompress });
    const talk = toUtf8('to be or not to be, that is the question. '.repeat(40));
    expect([packContent(talk)[0], packContent(talk).length]).toEqual([0, 4096]);
  });

  it('comes back, whatever it is', () => {
    const repeated = fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.nat(60)).map(([part, times]) => {
      return Uint8Array.from({ length: part.length * times }, (_, at) => part[at % part.length] ?? 0);
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 5000 }), repeated), (content) => {
        const packed = packContent(content);
        expect(PADDING_BUCKETS).toContain(packed.length);
        expect(unpackContent(packed)).toEqual(content);
      }),
    );
  });
});

describe('unpackContent', () => {
  it.each([
    ['another size', form(0, 1, toUtf8('a'), 255)],
    ['no bytes', new Uint8Array(0)],
    ['an unknown codec', form(2, 1, toUtf8('a'))],
    ['a length beyond the end', form(0, 252, toUtf8('a'))],
    ['a length of 4 GiB', form(0, 0xffffffff, toUtf8('a'))],
    ['padding that is not zero', form(0, 1, toUtf8('ab'))],
    ['no Brotli', form(1, 3, toUtf8('abc'))],
    ['Brotli that is cut off', form(1, 20, nativeBrotli.compress?.(noise(30)).subarray(0, 20) ?? noise(1))],
  ])('refuses %s', (_, bytes) => {
    expect(() => unpackContent(bytes)).toThrow(malformed);
  });

  it('stops at 65,536 bytes of output', () => {
    const squeezed = (size: number) => nativeBrotli.compress?.(new Uint8Array(size)) ?? new Uint8Array(0);
    const [most, bomb, great] = [squeezed(65_536), squeezed(65_537), squeezed(5_000_000)];
    expect(unpackContent(form(1, most.length, most))).toHaveLength(65_536);
    expect(() => unpackContent(form(1, bomb.length, bomb))).toThrow(malformed);
    expect(() => unpackContent(form(1, great.length, great, 4096))).toThrow(malformed);
  });

  it('says what is missing where there is no decoder', () => {
    const packed = packContent(toUtf8('a'.repeat(3000)));
    useBrotli(undefined);
    expect(() => unpackContent(packed)).toThrow(expect.objectContaining({ code: 'not_ready' }));
  });
});
