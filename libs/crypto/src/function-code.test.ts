import { createHash, createPublicKey, verify } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  fromBase64,
  generateEd25519KeyPair,
  ready,
  signFunctionCode,
  toUtf8,
  verifyFunctionCode,
} from './index.node.js';

beforeAll(ready);

describe('the code of a function', () => {
  const code = toUtf8('export default () => 42;\n');

  it('[DCP-A-06] is hashed with SHA-256, and the hash is signed with Ed25519, as another library sees it', () => {
    const { publicKey, seed } = generateEd25519KeyPair();
    const { hash, signature } = signFunctionCode(seed, code);
    const digest = createHash('sha256').update(code).digest();
    expect(hash).toBe(`sha256:${digest.toString('hex')}`);
    const key = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
    const bytes = fromBase64(signature.slice('ed25519:'.length));
    expect(verify(null, digest, createPublicKey({ key, format: 'jwk' }), bytes)).toBe(true);
  });

  it('[DCP-A-06] one changed byte, another hash, another author or no signature at all is refused', () => {
    const { publicKey, seed } = generateEd25519KeyPair();
    const signed = signFunctionCode(seed, code);
    expect(verifyFunctionCode(publicKey, code, signed)).toBe(true);
    const changed = code.map((byte, at) => (at === 3 ? byte ^ 1 : byte));
    expect(verifyFunctionCode(publicKey, changed, signed)).toBe(false);
    expect(verifyFunctionCode(publicKey, changed, { ...signed, hash: signFunctionCode(seed, changed).hash })).toBe(
      false,
    );
    expect(verifyFunctionCode(generateEd25519KeyPair().publicKey, code, signed)).toBe(false);
    for (const signature of ['', 'ed25519:AAAA', signed.hash])
      expect(verifyFunctionCode(publicKey, code, { ...signed, signature })).toBe(false);
  });
});
