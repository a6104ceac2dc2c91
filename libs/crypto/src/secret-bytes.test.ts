import { beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import {
  generateEd25519KeyPair,
  generateX25519KeyPair,
  masterKey,
  messageKey,
  randomBytes,
  ready,
  retrievalKey,
} from './index.js';
import { SecretBytes, wipe } from './secret-bytes.js';

beforeAll(ready);

/** Every way a value tends to reach a log. */
function printed(value: object): string {
  return [
    String(value),
    JSON.stringify(value),
    JSON.stringify({ ...value }),
    inspect(value, { depth: 9, showHidden: true, getters: true, customInspect: true }),
    inspect(value, { depth: 9, showHidden: true, getters: true, customInspect: false }),
    inspect(structuredClone({ ...value })),
    Object.entries(value).join(),
  ].join('\n');
}

/** The spellings in which the bytes could show. */
function spellings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  return [
    buffer.toString('hex'),
    buffer.toString('base64'),
    buffer.toString('base64url'),
    bytes.join(),
    bytes.join(', '),
  ];
}

describe('a printed key shows no secret', () => {
  it('alone, in an object, and however it is printed', async () => {
    const secrets = [
      new SecretBytes(randomBytes(32)),
      generateEd25519KeyPair().seed,
      generateX25519KeyPair().privateKey,
      await masterKey('correct horse', randomBytes(16)),
      retrievalKey(randomBytes(32)),
      messageKey(randomBytes(32), randomBytes(12)),
    ];
    for (const secret of secrets) {
      const output = printed(secret) + printed({ inner: secret }) + `${secret}`;
      for (const spelling of spellings(secret.reveal())) expect(output).not.toContain(spelling);
      expect(output).toContain('[secret, 32 bytes]');
    }
  });

  it('in an error that carries it', () => {
    const secret = new SecretBytes(randomBytes(32));
    const output = inspect(new Error('failed', { cause: secret }));
    for (const spelling of spellings(secret.reveal())) expect(output).not.toContain(spelling);
  });
});

describe('wiping', () => {
  it('zeroes the bytes and closes the object', () => {
    const bytes = randomBytes(32);
    const secret = new SecretBytes(bytes);
    secret.wipe();
    secret.wipe();
    expect(bytes).toEqual(new Uint8Array(32));
    expect(() => secret.reveal()).toThrow(expect.objectContaining({ code: 'secret_wiped' }));
  });

  it('zeroes a plain array', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    wipe(bytes);
    expect([...bytes]).toEqual([0, 0, 0]);
  });
});
