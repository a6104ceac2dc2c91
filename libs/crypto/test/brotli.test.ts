/** The browser's decoder and Node's zlib: what one packs the other reads, and neither gives more than it is asked for. */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import * as decoder from 'brotli-dec-wasm/web';
import * as fc from 'fast-check';
import { type BrotliCodec, brotliDecompressed, useBrotli } from '../src/brotli-codec.js';
import { loadBrotli, packContent, toUtf8, unpackContent } from '../src/index.js';
import { loadBrotli as loadNative, ready } from '../src/index.node.js';
import { nativeBrotli } from '../src/native-brotli.js';
import { wasmBrotli } from '../src/wasm-brotli.js';

let inBrowser: BrotliCodec;

afterEach(() => useBrotli(nativeBrotli));

beforeAll(async () => {
  await ready();
  const file = fileURLToPath(import.meta.resolve('brotli-dec-wasm/web/bg.wasm'));
  decoder.initSync({ module: readFileSync(file) });
  inBrowser = wasmBrotli(decoder);
});

const words = fc.array(fc.constantFrom('the ', 'message ', 'of ', 'um ', 'Zürich ', '你好 ', '\n', '<p>'), {
  maxLength: 400,
});

function lengthOrCode(action: () => Uint8Array): number | string | undefined {
  try {
    return action().length;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe('both decoders', () => {
  it('read what the encoder makes, at every quality', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 0, max: 11 }), (parts, quality) => {
        const content = toUtf8(parts.join(''));
        const data = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
        for (const codec of [nativeBrotli, inBrowser]) expect(codec.decompress(data, 65_536)).toEqual(content);
      }),
    );
  });

  it('stop at the given length', () => {
    for (const codec of [nativeBrotli, inBrowser]) {
      for (const size of [1000, 65_536]) {
        const data = brotliCompressSync(new Uint8Array(size));
        expect(codec.decompress(data, size)).toHaveLength(size);
        expect(() => codec.decompress(data, size - 1)).toThrow();
      }
      expect(() => codec.decompress(brotliCompressSync(new Uint8Array(20_000_000)), 65_536)).toThrow();
    }
  });

  it('answer any bytes with an exception at most, and never with more than was asked for', () => {
    const sample = new Uint8Array(
      brotliCompressSync(toUtf8('the message of the day, and the day after it '.repeat(20))),
    );
    const changed = fc.tuple(fc.nat(sample.length - 1), fc.nat(255)).map(([at, value]) => sample.with(at, value));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (data) => {
        for (const codec of [nativeBrotli, inBrowser]) {
          useBrotli(codec);
          const outcome = lengthOrCode(() => brotliDecompressed(data, 1000));
          if (typeof outcome === 'number') expect(outcome).toBeLessThanOrEqual(1000);
          else expect(outcome).toBe('malformed');
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('a browser', () => {
  it('reads what Node has compressed, and does not compress', () => {
    const content = toUtf8('the message of the day '.repeat(200));
    const packed = packContent(content);
    expect(packed[0]).toBe(1);
    useBrotli(inBrowser);
    expect(unpackContent(packed)).toEqual(content);
    expect(packContent(content.subarray(0, 4000))[0]).toBe(0);
  });

  it('loads its decoder once, and Node keeps its own', async () => {
    // The decoder has been initialised above: here it would be fetched.
    useBrotli(undefined);
    await loadBrotli();
    expect(unpackContent(packContent(new Uint8Array(3)))).toHaveLength(3);
    await loadNative();
    expect(packContent(toUtf8('a'.repeat(3000)))[0]).toBe(1);
  });
});
