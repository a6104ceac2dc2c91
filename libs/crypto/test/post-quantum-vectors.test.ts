/** Known answers of the post-quantum algorithms, from NIST and others, with both engines. */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  falconVerify,
  fromHex,
  generateMlDsaKeyPair,
  generateMlKemKeyPair,
  mlDsaVerify,
  mlKemDecapsulate,
  mlKemEncapsulate,
  toHex,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { nativePostQuantum } from '../src/native-post-quantum.js';
import { javaScriptPostQuantum, usePostQuantum } from '../src/post-quantum-engine.js';
import { useRandom } from '../src/random-source.js';
import { withDraws } from './draws.js';
import { postQuantum } from './session-vectors.js';

beforeAll(ready);
afterEach(() => useRandom());

describe('vectors/post-quantum.json', () => {
  const engines = [javaScriptPostQuantum, nativePostQuantum() ?? javaScriptPostQuantum];

  it.each(engines)('[DCCP-SEC-01] ML-KEM-768 with $name code: NIST’s keys, and decapsulations', (engine) => {
    usePostQuantum(engine);
    for (const { d, z, public_key_sha3_256 } of postQuantum.ml_kem_768.keygen) {
      const { publicKey } = generateMlKemKeyPair(fromHex(d + z));
      expect(createHash('sha3-256').update(publicKey).digest('hex')).toBe(public_key_sha3_256);
    }
    const { seed, public_key, ciphertext, shared_secret, ...changes } = postQuantum.ml_kem_768.decapsulation;
    const own = generateMlKemKeyPair(fromHex(seed));
    expect(toHex(own.publicKey)).toBe(public_key);
    expect(toHex(mlKemDecapsulate(own.seed, fromHex(ciphertext)))).toBe(shared_secret);
    const changed = fromHex(ciphertext);
    changed[changes.changed_ciphertext_byte] = (changed[changes.changed_ciphertext_byte] ?? 0) ^ 1;
    expect(toHex(mlKemDecapsulate(own.seed, changed))).toBe(changes.rejected_shared_secret);
  });

  it('[DCCP-SEC-01] ML-KEM-768: encapsulations with given randomness', () => {
    usePostQuantum(javaScriptPostQuantum);
    const { encapsulations, decapsulation } = postQuantum.ml_kem_768;
    for (const { public_key, message, ciphertext, shared_secret } of [...encapsulations, decapsulation]) {
      const made = withDraws([message], () => mlKemEncapsulate(fromHex(public_key)));
      expect([toHex(made.ciphertext), toHex(made.sharedSecret)]).toEqual([ciphertext, shared_secret]);
    }
  });

  it.each(engines)('[DCCP-SEC-02] ML-DSA-65 with $name code: NIST’s keys, and a known signature', (engine) => {
    usePostQuantum(engine);
    for (const { seed, public_key_shake256 } of postQuantum.ml_dsa_65.keygen) {
      const { publicKey } = generateMlDsaKeyPair(fromHex(seed));
      expect(createHash('shake256', { outputLength: 64 }).update(publicKey).digest('hex')).toBe(public_key_shake256);
    }
    const { public_key, message, signature } = postQuantum.ml_dsa_65.signature;
    expect(mlDsaVerify(fromHex(public_key), fromHex(message), fromHex(signature))).toBe(true);
  });

  it('[DCCP-SEC-02] Falcon-512, padded: a known signature', () => {
    const { public_key, message, signature } = postQuantum.falcon_512;
    const verified = (text: Uint8Array) => falconVerify(fromHex(public_key), text, fromHex(signature));
    expect([verified(fromHex(message)), verified(Uint8Array.of(0))]).toEqual([true, false]);
  });
});
