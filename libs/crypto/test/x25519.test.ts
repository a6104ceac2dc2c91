import { beforeAll, describe, expect, it } from '@jest/globals';
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import {
  fromHex,
  generateX25519KeyPair,
  PairSession,
  toHex,
  x25519PublicKey,
  x25519SharedSecret,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { Device, NOW } from './devices.js';

beforeAll(ready);

// Points of order 1, 2, 4 and 8 on the curve and its twist, as RFC 7748 §6.1 warns of them; also with spellings above p,
// and each with the unused top bit set.
const LOW_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]
  .map(fromHex)
  .flatMap((point) => [point, point.map((byte, at) => (at === 31 ? byte | 0x80 : byte))]);

describe('[DCP-12.1-02] X25519', () => {
  it.each([
    // RFC 7748 §5.2 and §6.1.
    [
      'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
      'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    ],
    [
      '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
      'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
      '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
    ],
  ])('RFC 7748: %s', (privateKey, publicKey, shared) => {
    expect(toHex(x25519SharedSecret(fromHex(privateKey), fromHex(publicKey)))).toBe(shared);
  });

  it('RFC 7748 §5.2: 1,000 rounds', () => {
    let [key, point] = [Uint8Array.of(9, ...new Uint8Array(31)), Uint8Array.of(9, ...new Uint8Array(31))];
    for (let round = 0; round < 1000; round++) {
      const next = x25519SharedSecret(key, point);
      [key, point] = [new Uint8Array(next), key];
    }
    expect(toHex(key)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  it('both sides share a secret, and OpenSSL agrees', () => {
    for (let count = 0; count < 20; count++) {
      const [one, other] = [generateX25519KeyPair(), generateX25519KeyPair()];
      const shared = x25519SharedSecret(one.privateKey, other.publicKey);
      expect(x25519SharedSecret(other.privateKey, one.publicKey)).toEqual(shared);
      expect(openssl(one.privateKey.reveal(), other.publicKey)).toEqual(shared);
    }
  });

  it.each(LOW_ORDER.map((point) => [toHex(point), point] as const))('refuses the low-order point %s', (_, point) => {
    const { privateKey } = generateX25519KeyPair();
    const refused = expect.objectContaining({ code: 'invalid_key' });
    expect(() => x25519SharedSecret(privateKey, point)).toThrow(refused);

    const [alice, bob] = [new Device('alice'), new Device('bob')];
    const bundle = bob.bundle();
    const begun = (changed: object, peer: object = {}) =>
      PairSession.initiate(alice.party, { ...bob.party, ...peer }, { ...bundle, ...changed }, NOW);
    expect(() => begun({ signed: { id: 1, key: point } })).toThrow(refused);
    expect(() => begun({ oneTime: { id: 1, key: point } })).toThrow(refused);
    expect(() => begun({}, { exchangeKey: point })).toThrow(refused);

    const message = begun({}).encrypt(new Uint8Array(1), NOW);
    // The ephemeral key stands after version, kind, epoch, ids, the ML-KEM ciphertext and the exchange key.
    message.set(point, 2 + 4 + 4 + 5 + 5 + 1088 + 32);
    expect(() => bob.accept(alice, message)).toThrow(refused);
  });

  it('lengths are checked', () => {
    const wrong = expect.objectContaining({ code: 'invalid_length' });
    const { publicKey, privateKey } = generateX25519KeyPair();
    expect(() => x25519SharedSecret(privateKey, publicKey.subarray(1))).toThrow(wrong);
    expect(() => x25519SharedSecret(new Uint8Array(31), publicKey)).toThrow(wrong);
  });
});

function openssl(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const jwk = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const x = jwk(x25519PublicKey(privateKey));
  const secret = createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', d: jwk(privateKey), x }, format: 'jwk' });
  const other = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: jwk(publicKey) }, format: 'jwk' });
  return new Uint8Array(diffieHellman({ privateKey: secret, publicKey: other }));
}
