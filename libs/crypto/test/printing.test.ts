/** Every object that holds a key, printed in every way: no secret shows. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import {
  generateEd25519KeyPair,
  generateFalconKeyPair,
  generateMlDsaKeyPair,
  generateMlKemKeyPair,
  generateX25519KeyPair,
  PairSession,
  ReceivedSenderKey,
  type SecretBytes,
  SenderKey,
  toBase64,
  toHex,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { met, NOW, text } from './devices.js';

beforeAll(ready);

function printed(value: object): string {
  return [
    inspect(value, { depth: 9, showHidden: true, getters: true, maxArrayLength: null }),
    JSON.stringify(value),
    String(value),
    JSON.stringify(Object.entries(value)),
    JSON.stringify({ ...value }),
  ]
    .join('\n')
    .replaceAll(/\s|"\d+":/g, '');
}

/** Every run of eight bytes of a secret, in the forms it could be printed in. */
function shows(output: string, secret: Uint8Array): boolean {
  for (let at = 0; at + 8 <= secret.length; at += 8) {
    const part = secret.subarray(at, at + 8);
    const forms = [toHex(part), toBase64(part).slice(0, 10), part.join(',')];
    if (forms.some((form) => output.includes(form))) return true;
  }
  return false;
}

describe('printing shows no secret', () => {
  it('the test sees one where there is one', () => {
    const secret = generateX25519KeyPair().privateKey.reveal();
    expect(shows(printed({ secret }), secret)).toBe(true);
  });

  it.each<[string, () => object, (pair: never) => SecretBytes]>([
    ['Ed25519', generateEd25519KeyPair, ({ seed }: { seed: SecretBytes }) => seed],
    ['X25519', generateX25519KeyPair, ({ privateKey }: { privateKey: SecretBytes }) => privateKey],
    ['ML-KEM-768', generateMlKemKeyPair, ({ seed }: { seed: SecretBytes }) => seed],
    ['ML-DSA-65', generateMlDsaKeyPair, ({ seed }: { seed: SecretBytes }) => seed],
    ['Falcon-512', generateFalconKeyPair, ({ privateKey }: { privateKey: SecretBytes }) => privateKey],
  ])('a pair of %s', (_, generate, secretOf) => {
    const pair = generate();
    expect(shows(printed(pair), secretOf(pair as never).reveal())).toBe(false);
  });

  it('a sender key, on both sides', () => {
    const own = SenderKey.create(NOW);
    const start = own.start();
    const received = ReceivedSenderKey.from(start, NOW);
    received.open(3, NOW, () => true);
    for (const object of [own, received]) {
      const output = printed(object);
      expect(output).toContain(own.keyId);
      expect(shows(output, start.chainKey)).toBe(false);
      expect(shows(output, received.serialize().subarray(40))).toBe(false);
    }
  });

  it('a session', () => {
    const { a, b } = met();
    a.encrypt(text('x'), NOW);
    b.decrypt(a.encrypt(text('y'), NOW), NOW);
    for (const session of [a, b]) {
      const output = printed(session);
      expect(shows(output, session.serialize().subarray(17))).toBe(false);
      expect(output).toContain(PairSession.name);
    }
  });
});
