import { type Ed25519Signer, NodeRoot, randomBytes, ready, seedSigner, toBase64, toHex } from '@dcp/crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { sealRoot, unsealRoot } from './sealed-root.js';

beforeAll(() => ready());

/** A device stands here for its signatures: where the key is makes no difference to what is sealed. */
const device = () => seedSigner(randomBytes(32));
const bytes = (root: NodeRoot) => toHex(root.secret.reveal());

describe('a sealed root', () => {
  it('is opened by the key that sealed it, each file with a nonce of its own', () => {
    const [signer, root] = [device(), new NodeRoot(randomBytes(32))];
    const [one, two] = [sealRoot(root, signer), sealRoot(root, signer)];
    expect(one).not.toBe(two);
    for (const text of [one, two]) expect(bytes(unsealRoot(text, signer))).toBe(bytes(root));
    expect(one).not.toContain(toBase64(root.secret.reveal()));
  });

  it('is not opened by another key, also when its head names that one', () => {
    const [signer, other] = [device(), device()];
    const text = sealRoot(new NodeRoot(randomBytes(32)), signer);
    expect(() => unsealRoot(text, other)).toThrow('is sealed by the key ed25519:');
    const file = JSON.parse(text) as Record<string, string>;
    const { key } = JSON.parse(sealRoot(new NodeRoot(randomBytes(32)), other)) as { key: string };
    expect(() => unsealRoot(JSON.stringify({ ...file, key }), other)).toThrow('cannot be opened');
  });

  it('shows every change, and a file that is none', () => {
    const signer = device();
    const file = JSON.parse(sealRoot(new NodeRoot(randomBytes(32)), signer)) as Record<string, string>;
    for (const changed of [
      { ...file, nonce: toBase64(randomBytes(12)) },
      { ...file, nonce: 'AA==' },
      { ...file, sealed: toBase64(randomBytes(48)) },
      { ...file, sealed: '!' },
    ])
      expect(() => unsealRoot(JSON.stringify(changed), signer)).toThrow('cannot be opened');
    for (const none of [
      '',
      'x',
      'null',
      '[]',
      '{}',
      JSON.stringify({ ...file, format: 'v2' }),
      JSON.stringify({ ...file, nonce: 1 }),
    ])
      expect(() => unsealRoot(none, signer)).toThrow('is no sealed seed file');
  });

  it('signs no 32 bytes, which is all that a node signs for others', () => {
    const lengths: number[] = [];
    const signer = device();
    const watched: Ed25519Signer = {
      publicKey: signer.publicKey,
      sign: (message) => {
        lengths.push(message.length);
        return signer.sign(message);
      },
    };
    unsealRoot(sealRoot(new NodeRoot(randomBytes(32)), watched), watched);
    expect(lengths).toHaveLength(3);
    expect(lengths).not.toContain(32);
  });

  it('is not made by a device whose signatures differ, and its failure is not taken for the file’s', () => {
    const signer = device();
    const random = { publicKey: signer.publicKey, sign: () => randomBytes(64) };
    expect(() => sealRoot(new NodeRoot(randomBytes(32)), random)).toThrow('another signature each time');
    const text = sealRoot(new NodeRoot(randomBytes(32)), signer);
    const broken = {
      publicKey: signer.publicKey,
      sign: () => {
        throw new Error('unplugged');
      },
    };
    expect(() => unsealRoot(text, broken)).toThrow('unplugged');
  });
});
