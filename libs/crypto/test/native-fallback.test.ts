/** A platform without a prebuilt binary: everything works, only slower. */
import { describe, expect, it, jest } from '@jest/globals';

describe('without sodium-native', () => {
  it('the Node entry falls back to WASM', async () => {
    jest.unstable_mockModule('sodium-native', () => {
      throw new Error('no prebuilt binary for this platform');
    });
    const crypto = await import('../src/index.node.js');
    await crypto.ready();
    expect((crypto as typeof import('../src/index.js')).ed25519Engine()).toBe('wasm');
    const { publicKey, seed } = crypto.generateEd25519KeyPair();
    const preimage = crypto.toUtf8('DCP-MESSAGE-V1\0{}');
    expect(crypto.verifySigned(publicKey, preimage, crypto.signDigest(seed, preimage))).toBe(true);
  });
});

describe('before ready()', () => {
  it('says what is missing', async () => {
    jest.resetModules();
    const { sha256 } = await import('../src/index.js');
    expect(() => sha256(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'not_ready' }));
  });
});
