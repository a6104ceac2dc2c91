/**
 * Hash, MAC, key derivation and AEAD: published vectors, then Node's OpenSSL as a second implementation on random
 * input.
 */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createCipheriv, createHash, createHmac, hkdfSync, pbkdf2Sync } from 'node:crypto';
import * as fc from 'fast-check';
import { wasmEngine } from '../src/engine.js';
import {
  encryptionKey,
  fromHex,
  functionKey,
  hkdf,
  hmac128,
  hmacSha256,
  masterKey,
  messageKey,
  open,
  pbkdf2,
  randomBytes,
  seal,
  sha256,
  signingKey,
  toHex,
  toUtf8,
} from '../src/index.js';
import { ready } from '../src/index.node.js';

beforeAll(ready);

const anyBytes = fc.uint8Array({ maxLength: 300 });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const repeated = (byte: string, times: number) => byte.repeat(times);
const EMPTY = new Uint8Array(0);

describe('SHA-256', () => {
  // FIPS 180-4, examples.
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])('FIPS 180-4 %j', (text, digest) => {
    expect(toHex(sha256(toUtf8(text)))).toBe(digest);
    expect(toHex(wasmEngine.sha256(toUtf8(text)))).toBe(digest);
  });

  it('agrees with OpenSSL in WASM too, and gives plain arrays', () => {
    fc.assert(
      fc.property(anyBytes, (data) => {
        const digest = createHash('sha256').update(data).digest('hex');
        expect(toHex(wasmEngine.sha256(data))).toBe(digest);
        expect(toHex(sha256(data))).toBe(digest);
        expect(Buffer.isBuffer(sha256(data))).toBe(false);
      }),
    );
  });
});

describe('HMAC-SHA-256', () => {
  // RFC 4231 §4: key, data, tag. Case 5 prints 128 bits.
  it.each([
    [1, repeated('0b', 20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      2,
      '4a656665',
      '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [3, repeated('aa', 20), repeated('dd', 50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    [
      4,
      '0102030405060708090a0b0c0d0e0f10111213141516171819',
      repeated('cd', 50),
      '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
    ],
    [5, repeated('0c', 20), '546573742057697468205472756e636174696f6e', 'a3b6167473100ee06e0c796c2955552b'],
    [
      6,
      repeated('aa', 131),
      '54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ])('RFC 4231 test case %i', (_, key, data, tag) => {
    expect(toHex(hmacSha256(fromHex(key), fromHex(data))).startsWith(tag)).toBe(true);
    expect(toHex(hmac128(fromHex(key), fromHex(data)))).toBe(tag.slice(0, 32));
  });

  it('agrees with OpenSSL for keys of every length', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (key, data) => {
        expect(toHex(hmacSha256(key, data))).toBe(createHmac('sha256', key).update(data).digest('hex'));
      }),
    );
  });
});

describe('HKDF-SHA-256', () => {
  // RFC 5869, appendix A.
  it.each([
    {
      name: 'A.1',
      key: repeated('0b', 22),
      salt: '000102030405060708090a0b0c',
      info: 'f0f1f2f3f4f5f6f7f8f9',
      output: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    },
    {
      name: 'A.2',
      key: toHex(Uint8Array.from({ length: 80 }, (_, at) => at)),
      salt: toHex(Uint8Array.from({ length: 80 }, (_, at) => 0x60 + at)),
      info: toHex(Uint8Array.from({ length: 80 }, (_, at) => 0xb0 + at)),
      output:
        'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    },
    {
      name: 'A.3',
      key: repeated('0b', 22),
      salt: '',
      info: '',
      output: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    },
  ])('[DCP-12.1-03] RFC 5869 $name', ({ key, salt, info, output }) => {
    expect(toHex(hkdf(fromHex(key), fromHex(info), output.length / 2, fromHex(salt)))).toBe(output);
  });

  it('[DCP-12.1-03] agrees with OpenSSL under the empty salt', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, fc.integer({ min: 1, max: 200 }), (key, info, length) => {
        expect(hkdf(key, info, length)).toEqual(new Uint8Array(hkdfSync('sha256', key, EMPTY, info, length)));
      }),
    );
  });

  it('refuses more than 255 blocks, and less than a byte', () => {
    const refusal = expect.objectContaining({ code: 'invalid_length' });
    expect(() => hkdf(EMPTY, EMPTY, 8161)).toThrow(refusal);
    expect(() => hkdf(EMPTY, EMPTY, 0)).toThrow(refusal);
    expect(hkdf(EMPTY, EMPTY, 8160)).toEqual(new Uint8Array(hkdfSync('sha256', EMPTY, EMPTY, EMPTY, 8160)));
  });
});

describe('PBKDF2-HMAC-SHA-256', () => {
  // The inputs of RFC 6070, with the known outputs under SHA-256; the last is of RFC 7914 §11.
  it.each([
    ['password', 'salt', 1, '120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b'],
    ['password', 'salt', 2, 'ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43'],
    ['password', 'salt', 4096, 'c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a'],
    [
      'passwordPASSWORDpassword',
      'saltSALTsaltSALTsaltSALTsaltSALTsalt',
      4096,
      '348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1c635518c7dac47e9',
    ],
    ['pass\0word', 'sa\0lt', 4096, '89b69d0516f829893c696226650a8687'],
    [
      'passwd',
      'salt',
      1,
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    ],
  ])('%j, %j, %i rounds', async (password, salt, rounds, output) => {
    expect(toHex(await pbkdf2(toUtf8(password), toUtf8(salt), rounds, output.length / 2))).toBe(output);
  });

  it('[DCP-A-01] [DCP-12.1-03] the master key is OpenSSL’s PBKDF2 with 100,000 rounds, not with 99,999', async () => {
    const salt = randomBytes(16);
    const key = (await masterKey('correct horse', salt)).reveal();
    const independent = (rounds: number) => new Uint8Array(pbkdf2Sync('correct horse', salt, rounds, 32, 'sha256'));
    expect(key).toEqual(independent(100_000));
    expect(key).not.toEqual(independent(99_999));
  });
});

describe('key schedule', () => {
  it.each([
    ['[DCP-A-02] signing key', signingKey, 'DCP-SIGNING-KEY-V1'],
    ['[DCP-A-02] encryption key', encryptionKey, 'DCP-ENCRYPTION-KEY-V1'],
    ['[DCP-A-03] function key', functionKey, 'DCP-FUNCTION-KEY-V1'],
  ] as const)('%s: the exact label is the info; one letter changed gives another key', (_, derive, label) => {
    const master = randomBytes(32);
    const independent = (info: string) => new Uint8Array(hkdfSync('sha256', master, EMPTY, info, 32));
    expect(derive(master).reveal()).toEqual(independent(label));
    expect(derive(master).reveal()).not.toEqual(independent(label.toLowerCase()));
    expect(derive(master).reveal()).not.toEqual(independent(label.replace('V1', 'V2')));
  });

  it('[DCP-A-04] other code seals the same bytes from conversation key and nonce', () => {
    fc.assert(
      fc.property(exactly(32), exactly(12), anyBytes, anyBytes, (conversationKey, nonce, content, aad) => {
        const key = new Uint8Array(hkdfSync('sha256', conversationKey, EMPTY, nonce, 32));
        const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
        cipher.setAAD(aad, { plaintextLength: content.length });
        const theirs = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
        expect(seal(messageKey(conversationKey, nonce), nonce, content, aad)).toEqual(new Uint8Array(theirs));
      }),
    );
  });

  it('a message key needs a nonce of 12 bytes', () => {
    const refusal = expect.objectContaining({ code: 'invalid_length' });
    expect(() => messageKey(new Uint8Array(32), new Uint8Array(11))).toThrow(refusal);
  });
});

describe('ChaCha20-Poly1305', () => {
  // RFC 8439 §2.8.2.
  const key = toHex(Uint8Array.from({ length: 32 }, (_, at) => 0x80 + at));
  const nonce = '070000004041424344454647';
  const aad = '50515253c0c1c2c3c4c5c6c7';
  const sunscreen =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
  const sealed =
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691';

  it('[DCP-12.1-01] RFC 8439 §2.8.2', () => {
    const output = seal(fromHex(key), fromHex(nonce), toUtf8(sunscreen), fromHex(aad));
    expect(toHex(output)).toBe(sealed);
    expect(open(fromHex(key), fromHex(nonce), output, fromHex(aad))).toEqual(toUtf8(sunscreen));
  });

  it('[DCP-12.1-01] takes a key of 256 bits and a nonce of 96, nothing else', () => {
    const refusal = expect.objectContaining({ code: 'invalid_length' });
    for (const length of [0, 16, 31, 33]) {
      expect(() => seal(new Uint8Array(length), new Uint8Array(12), EMPTY)).toThrow(refusal);
    }
    for (const length of [0, 8, 11, 13, 24]) {
      expect(() => seal(new Uint8Array(32), new Uint8Array(length), EMPTY)).toThrow(refusal);
      expect(() => open(new Uint8Array(32), new Uint8Array(length), new Uint8Array(16))).toThrow(refusal);
    }
  });

  it('opens what it sealed, and nothing with a changed bit', () => {
    const changed = (bytes: Uint8Array, bit: number) =>
      bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    const refusal = expect.objectContaining({ code: 'decryption_failed' });
    fc.assert(
      fc.property(exactly(32), exactly(12), anyBytes, exactly(20), fc.nat(), (k, n, content, data, any) => {
        const output = seal(k, n, content, data);
        expect(open(k, n, output, data)).toEqual(content);
        expect(() => open(k, n, changed(output, any % (output.length * 8)), data)).toThrow(refusal);
        expect(() => open(changed(k, any % 256), n, output, data)).toThrow(refusal);
        expect(() => open(k, changed(n, any % 96), output, data)).toThrow(refusal);
        expect(() => open(k, n, output, changed(data, any % 160))).toThrow(refusal);
        expect(() => open(k, n, output.subarray(1), data)).toThrow(refusal);
      }),
    );
  });

  it('refuses less than a tag', () => {
    for (let length = 0; length < 16; length++) {
      const opened = () => open(new Uint8Array(32), new Uint8Array(12), new Uint8Array(length));
      expect(opened).toThrow(expect.objectContaining({ code: 'decryption_failed' }));
    }
  });
});
