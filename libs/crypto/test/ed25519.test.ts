/** Ed25519 and X25519 key pairs against RFC 8032, RFC 7748 and the engines of Node. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import {
  SecretBytes,
  ed25519Engine,
  ed25519KeyPair,
  ed25519PublicKey,
  fromHex,
  generateEd25519KeyPair,
  generateX25519KeyPair,
  parseKey,
  randomBytes,
  sign,
  signDigest,
  signedDigest,
  toHex,
  toUtf8,
  verify,
  verifySigned,
  x25519PublicKey,
} from '../src/index.js';
import { ready } from '../src/index.node.js';

beforeAll(ready);

// RFC 8032 §7.1: secret key, public key, message, signature.
const RFC_8032 = [
  {
    name: 'TEST 1',
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    name: 'TEST 2',
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    name: 'TEST 3',
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    name: 'TEST SHA(abc)',
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
];

describe('Ed25519', () => {
  it.each(RFC_8032)('[DCP-4.4-01] [DCP-12.1-02] RFC 8032 $name', (vector) => {
    const seed = fromHex(vector.seed);
    const message = fromHex(vector.message);
    expect(toHex(ed25519PublicKey(seed))).toBe(vector.publicKey);
    expect(toHex(sign(seed, message))).toBe(vector.signature);
    expect(verify(fromHex(vector.publicKey), message, fromHex(vector.signature))).toBe(true);
  });

  it('[DCP-4.4-01] 10,000 generated keys are unique', () => {
    const seeds = new Set<string>();
    const publicKeys = new Set<string>();
    for (let count = 0; count < 10_000; count++) {
      const { seed, publicKey } = generateEd25519KeyPair();
      seeds.add(toHex(seed.reveal()));
      publicKeys.add(toHex(publicKey));
    }
    expect(seeds.size).toBe(10_000);
    expect(publicKeys.size).toBe(10_000);
  });

  it('a generated pair is the pair of its seed, and a given seed is copied', () => {
    const pair = generateEd25519KeyPair();
    expect(ed25519KeyPair(pair.seed).publicKey).toEqual(pair.publicKey);
    const seed = randomBytes(32);
    const copied = ed25519KeyPair(seed);
    copied.seed.wipe();
    expect(ed25519PublicKey(seed)).toEqual(copied.publicKey);
  });

  it('refuses seeds of another length, and verifies nothing of another length', () => {
    const refusal = expect.objectContaining({ code: 'invalid_length' });
    for (const length of [0, 31, 33, 64]) {
      expect(() => sign(new Uint8Array(length), new Uint8Array(1))).toThrow(refusal);
      expect(() => ed25519PublicKey(new SecretBytes(new Uint8Array(length)))).toThrow(refusal);
      expect(verify(new Uint8Array(length), new Uint8Array(1), new Uint8Array(64))).toBe(false);
    }
    const { publicKey, seed } = generateEd25519KeyPair();
    const signature = sign(seed, publicKey);
    expect(verify(publicKey, publicKey, signature.subarray(1))).toBe(false);
    expect(verify(publicKey, publicKey, Uint8Array.of(...signature, 0))).toBe(false);
  });

  it('runs natively here', () => {
    expect(ed25519Engine()).toBe('native');
  });
});

describe('signed objects', () => {
  it('[DCP-A-05] an independent verifier accepts the signature over the SHA-256 of the preimage', () => {
    const { publicKey, seed } = generateEd25519KeyPair();
    const preimage = toUtf8('DCP-MESSAGE-V1\0{"a":1}');
    const text = signDigest(seed, preimage);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') };
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const raw = Buffer.from(text.slice('ed25519:'.length), 'base64');
    expect(nodeVerify(null, signedDigest(preimage), key, raw)).toBe(true);
    expect(verifySigned(publicKey, preimage, text)).toBe(true);
    expect(verifySigned(publicKey, toUtf8('DCP-MESSAGE-V1\0{"a":2}'), text)).toBe(false);
  });

  it('[DCP-4.1-10] the key in text form verifies the signature', () => {
    const { publicKey, seed } = generateEd25519KeyPair();
    const text = `ed25519:${Buffer.from(publicKey).toString('base64')}`;
    const preimage = toUtf8('DCP-IDENTITY-V1\0{}');
    expect(verifySigned(parseKey(text).bytes, preimage, signDigest(seed, preimage))).toBe(true);
  });

  it.each(['', 'ed25519:', 'ed25519:AAAA', 'ed25519:signature-of-challenge', 'nonsense'])(
    '%j is no signature',
    (text) => {
      expect(verifySigned(generateEd25519KeyPair().publicKey, new Uint8Array(1), text)).toBe(false);
    },
  );
});

describe('X25519 key pairs', () => {
  // RFC 7748 §6.1.
  it.each([
    [
      '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    ],
    [
      '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
      'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    ],
  ])('[DCP-12.1-02] RFC 7748: the public key of %s', (privateKey, publicKey) => {
    expect(toHex(x25519PublicKey(fromHex(privateKey)))).toBe(publicKey);
  });

  it('a generated pair belongs together and repeats nothing', () => {
    const first = generateX25519KeyPair();
    expect(x25519PublicKey(first.privateKey)).toEqual(first.publicKey);
    expect(generateX25519KeyPair().publicKey).not.toEqual(first.publicKey);
    expect(() => x25519PublicKey(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'invalid_length' }));
  });
});
