import { describe, expect, it } from '@jest/globals';
import { pointBytes } from './ed25519-objects.js';

const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const behind = (head: string) => Buffer.concat([Buffer.from(head, 'hex'), key]);

describe('a public key as modules give it', () => {
  it('is raw, an OCTET STRING or a BIT STRING', () => {
    for (const form of [key, behind('0420'), behind('032100')]) expect(pointBytes(form)).toEqual(new Uint8Array(key));
  });

  it('is nothing else', () => {
    for (const form of [
      Buffer.alloc(0),
      key.subarray(1),
      behind('0421'),
      behind('04'),
      behind('03210000'),
      Buffer.alloc(65),
    ])
      expect(pointBytes(form)).toBeUndefined();
  });
});
