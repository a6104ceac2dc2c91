import { beforeAll, describe, expect, it } from '@jest/globals';
import { createDecipheriv, hkdfSync, pbkdf2Sync } from 'node:crypto';
import * as fc from 'fast-check';
import {
  type KdfParameters,
  deriveMasterKey,
  fromUtf8,
  generateEd25519KeyPair,
  newKdfParameters,
  openEncryptedData,
  openWithMasterKey,
  readKdfParameters,
  ready,
  retrievalKey,
  sealEncryptedData,
  sealWithMasterKey,
  toBase64,
  toUtf8,
} from './index.js';

beforeAll(ready);

const PASSPHRASE = 'correct horse battery staple';
const aad = toUtf8('{"account_type":"standard"}');
const plaintext = toUtf8('{"identity_seed":"c2VjcmV0"}');

/** §4.4 with other people's code: salt 16, nonce 12, ciphertext, tag 16. Throws when the tag does not match. */
function openIndependently(blob: Uint8Array, iterations: number): string {
  const master = pbkdf2Sync(PASSPHRASE, blob.subarray(0, 16), iterations, 32, 'sha256');
  const key = new Uint8Array(hkdfSync('sha256', master, new Uint8Array(0), 'DCP-ENCRYPTION-KEY-V1', 32));
  const decipher = createDecipheriv('chacha20-poly1305', key, blob.subarray(16, 28), { authTagLength: 16 });
  decipher.setAAD(aad, { plaintextLength: blob.length - 44 });
  decipher.setAuthTag(blob.subarray(-16));
  return Buffer.concat([decipher.update(blob.subarray(28, -16)), decipher.final()]).toString();
}

describe.each(['argon2id', 'pbkdf2'] as const)('encrypted_data under %s', (kdf) => {
  it('[DCP-4.2-05] opens with the passphrase and with no other', async () => {
    const blob = await sealEncryptedData(PASSPHRASE, plaintext, aad, { kdf });
    expect(fromUtf8(await openEncryptedData(PASSPHRASE, blob, aad))).toBe(fromUtf8(plaintext));
    const wrong = openEncryptedData(`${PASSPHRASE}.`, blob, aad);
    await expect(wrong).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });

  it('[DCP-4.2-05] the raw private key is nowhere in the blob', async () => {
    const seed = generateEd25519KeyPair().seed.reveal();
    const inside = toUtf8(JSON.stringify({ seed: toBase64(seed) }));
    const blob = Buffer.from(await sealEncryptedData(PASSPHRASE, inside, aad, { kdf }));
    for (const form of [seed, toUtf8(toBase64(seed)), toUtf8(PASSPHRASE)])
      expect(blob.includes(Buffer.from(form))).toBe(false);
  });

  it('does not open beside another identity, home node or account type', async () => {
    const blob = await sealEncryptedData(PASSPHRASE, plaintext, aad, { kdf });
    const moved = openEncryptedData(PASSPHRASE, blob, toUtf8('{"account_type":"minimal"}'));
    await expect(moved).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });

  it('[DCP-12.1-01] two files of one passphrase share neither salt nor nonce', async () => {
    const parameters = newKdfParameters(kdf);
    expect(newKdfParameters(kdf).salt).not.toEqual(parameters.salt);
    const master = new Uint8Array(32);
    const [first, second] = [1, 2].map(() => sealWithMasterKey(master, parameters, plaintext, aad));
    expect(first).not.toEqual(second);
  });

  it('a new device derives the retrieval key from the parameters alone and opens without deriving again', async () => {
    const parameters = newKdfParameters(kdf);
    const master = await deriveMasterKey(PASSPHRASE, parameters);
    const blob = sealWithMasterKey(master, parameters, plaintext, aad);

    const served: KdfParameters = readKdfParameters(blob);
    expect(served).toEqual(parameters);
    const device = await deriveMasterKey(PASSPHRASE, served);
    expect(retrievalKey(device).reveal()).toEqual(retrievalKey(master).reveal());
    expect(openWithMasterKey(device, blob, aad)).toEqual(plaintext);
  });

  it('one changed bit anywhere is refused', () => {
    const parameters = newKdfParameters(kdf);
    const master = new Uint8Array(32).fill(7);
    const blob = sealWithMasterKey(master, parameters, plaintext, aad);
    const sealedFrom = blob.length - plaintext.length - 16 - 12;
    fc.assert(
      fc.property(fc.integer({ min: sealedFrom * 8, max: blob.length * 8 - 1 }), (bit) => {
        const changed = blob.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => openWithMasterKey(master, changed, aad)).toThrow(
          expect.objectContaining({ code: 'wrong_passphrase' }),
        );
      }),
    );
  });
});

describe('the two forms', () => {
  it('[DCP-4.4-02] PBKDF2 by other code opens the literal form with 100,000 rounds, not with 99,999', async () => {
    const blob = await sealEncryptedData(PASSPHRASE, plaintext, aad, { kdf: 'pbkdf2' });
    expect(openIndependently(blob, 100_000)).toBe(fromUtf8(plaintext));
    expect(() => openIndependently(blob, 99_999)).toThrow();
  });

  it('[DCP-12.1-04] the default names Argon2id and its cost, and opens only with them', async () => {
    const blob = await sealEncryptedData(PASSPHRASE, plaintext, aad);
    expect(readKdfParameters(blob)).toMatchObject({ kdf: 'argon2id', cost: { memoryKiB: 65_536, passes: 3 } });
    expect(() => openIndependently(blob, 100_000)).toThrow();
    const otherCost = blob.slice();
    otherCost[17] = 2;
    expect(readKdfParameters(otherCost)).toMatchObject({ cost: { passes: 2 } });
    await expect(openEncryptedData(PASSPHRASE, otherCost, aad)).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });

  it('any bytes are refused with a word, never a crash', () => {
    const words = ['malformed_blob', 'unsupported_kdf', 'kdf_out_of_bounds'];
    const magic = toUtf8('DCP-ENC\0');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (tail, withMagic) => {
        const blob = withMagic ? Uint8Array.of(...magic, ...tail) : tail;
        try {
          expect(readKdfParameters(blob).salt).toHaveLength(16);
        } catch (error) {
          expect(words).toContain((error as { code?: string }).code);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('an empty plaintext is a blob of the least length', async () => {
    const blob = await sealEncryptedData(PASSPHRASE, new Uint8Array(0), aad, { kdf: 'pbkdf2' });
    expect(blob).toHaveLength(44);
    expect(await openEncryptedData(PASSPHRASE, blob, aad)).toHaveLength(0);
  });
});
