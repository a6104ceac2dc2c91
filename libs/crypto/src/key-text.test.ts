import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatHash, formatKey, formatSignature, parseHash, parseKey, parseSignature } from './key-text.js';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const signature = fc.uint8Array({ minLength: 64, maxLength: 64 });

describe('keys, signatures and hashes as text', () => {
  it('[DCP-4.1-10] a key reads back as the 32 bytes after the prefix ed25519:', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const text = formatKey('ed25519', bytes);
        expect(text.startsWith('ed25519:')).toBe(true);
        expect(new Uint8Array(Buffer.from(text.slice('ed25519:'.length), 'base64'))).toEqual(bytes);
        expect(parseKey(text)).toEqual({ algorithm: 'ed25519', bytes });
      }),
    );
  });

  it('an X25519 key keeps its own prefix', () => {
    fc.assert(
      fc.property(key, (bytes) => expect(parseKey(formatKey('x25519', bytes))).toEqual({ algorithm: 'x25519', bytes })),
    );
  });

  it('[DCP-4.1-10] the OpenSSH wire blob of an Ed25519 key is accepted (RFC 8709)', () => {
    fc.assert(
      fc.property(key, (bytes) => {
        const blob = Buffer.concat([Buffer.from('0000000b7373682d6564323535313900000020', 'hex'), bytes]);
        const text = `ed25519:${blob.toString('base64')}`;
        expect(text.startsWith('ed25519:AAAAC3NzaC1lZDI1NTE5AAAAI')).toBe(true);
        expect(parseKey(text)).toEqual({ algorithm: 'ed25519', bytes });
      }),
    );
  });

  it.each(['', 'ed25519', 'ed25519:', ':AAAA', 'ed25519:AAAAC3NzaC1lZDI1NTE5AAAAIOEZpaQF...', 'ed25519:AAAA'])(
    'refuses %j as a key',
    (text) => expect(() => parseKey(text)).toThrow(expect.objectContaining({ code: 'invalid_key' })),
  );

  it('a signature reads back', () => {
    fc.assert(fc.property(signature, (bytes) => expect(parseSignature(formatSignature(bytes))).toEqual(bytes)));
  });

  it.each(['', 'ed25519:', 'ed25519:signature-of-identity-section', 'ed25519:MEUCIQDKyAJh+VlqiQZ8b5FY7/S8nxGJHQ=='])(
    'refuses %j as a signature',
    (text) => expect(() => parseSignature(text)).toThrow(expect.objectContaining({ code: 'invalid_signature' })),
  );

  it('a hash is lower-case hex and reads back', () => {
    fc.assert(fc.property(key, (bytes) => expect(parseHash(formatHash(bytes))).toEqual(bytes)));
    for (const text of [`sha256:${'A'.repeat(64)}`, `sha256:${'a'.repeat(63)}`, `sha512:${'a'.repeat(64)}`, '']) {
      expect(() => parseHash(text)).toThrow(expect.objectContaining({ code: 'invalid_hash' }));
    }
  });

  it('refuses to write values of another length', () => {
    const refusal = expect.objectContaining({ code: 'invalid_length' });
    expect(() => formatKey('ed25519', new Uint8Array(31))).toThrow(refusal);
    expect(() => formatSignature(new Uint8Array(63))).toThrow(refusal);
    expect(() => formatHash(new Uint8Array(33))).toThrow(refusal);
  });

  it('a refusal does not repeat what was refused', () => {
    const text = 'ed25519:c2VjcmV0LXNlY3JldA==';
    expect(() => parseKey(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('c2Vjc') }));
  });
});
