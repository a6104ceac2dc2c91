import { beforeAll, describe, expect, it } from '@jest/globals';
import { createDecipheriv, hkdfSync } from 'node:crypto';
import * as fc from 'fast-check';
import { openMessage, sealMessage, SenderKey, toHex } from './index.js';
import { ready } from './index.node.js';

beforeAll(ready);

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const bytes = fc.uint8Array({ maxLength: 300 });
const refused = expect.objectContaining({ code: 'decryption_failed' });

describe('a sealed message', () => {
  it('[DCP-A-04] [DCP-6.3-01] opens with other code from conversation key and nonce', () => {
    fc.assert(
      fc.property(exactly(32), bytes, bytes, (conversationKey, content, data) => {
        const { nonce, ciphertext } = sealMessage(conversationKey, content, data);
        const key = new Uint8Array(hkdfSync('sha256', conversationKey, new Uint8Array(0), nonce, 32));
        const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
        decipher.setAAD(data, { plaintextLength: content.length });
        decipher.setAuthTag(ciphertext.subarray(-16));
        const opened = Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]);
        expect(new Uint8Array(opened)).toEqual(content);
        expect(openMessage(conversationKey, nonce, ciphertext, data)).toEqual(content);
      }),
    );
  });

  it('[DCP-6.3-01] does not open with a changed bit in key, nonce, ciphertext or additional data', () => {
    fc.assert(
      fc.property(exactly(32), bytes, exactly(8), fc.nat(), (conversationKey, content, data, any) => {
        const { nonce, ciphertext } = sealMessage(conversationKey, content, data);
        const changed = (part: Uint8Array) => {
          const bit = any % (part.length * 8);
          return part.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        };
        expect(() => openMessage(changed(conversationKey), nonce, ciphertext, data)).toThrow(refused);
        expect(() => openMessage(conversationKey, changed(nonce), ciphertext, data)).toThrow(refused);
        expect(() => openMessage(conversationKey, nonce, changed(ciphertext), data)).toThrow(refused);
        expect(() => openMessage(conversationKey, nonce, ciphertext, changed(data))).toThrow(refused);
        expect(() => openMessage(conversationKey, nonce.subarray(1), ciphertext, data)).toThrow(refused);
        expect(() => openMessage(conversationKey, nonce, ciphertext.subarray(1), data)).toThrow(refused);
      }),
    );
  });

  it('needs a conversation key of 32 bytes', () => {
    const refusal = expect.objectContaining({ code: 'invalid_length' });
    const key = new Uint8Array(31);
    expect(() => sealMessage(key, new Uint8Array(1), new Uint8Array(0))).toThrow(refusal);
    expect(() => openMessage(key, new Uint8Array(12), new Uint8Array(17), new Uint8Array(0))).toThrow(refusal);
  });

  it('[DCP-12.1-01] keys and nonces do not repeat over devices, keys and restarts', () => {
    const seen = new Set<string>();
    for (let device = 0; device < 10; device++) {
      let key = SenderKey.create(0);
      for (let count = 0; count < 1000; count++) {
        if (count % 250 === 0) key = SenderKey.deserialize(key.serialize());
        const { conversationKey } = key.next();
        const { nonce } = sealMessage(conversationKey, new Uint8Array(1), new Uint8Array(0));
        seen.add(toHex(conversationKey));
        seen.add(toHex(nonce));
      }
    }
    expect(seen.size).toBe(20_000);
  });
});
