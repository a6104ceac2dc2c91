/** Recomputes every value of `vectors/*.json`; they were made by other code than ours. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type KdfParameters,
  deriveMasterKey,
  ed25519PublicKey,
  encryptionKey,
  formatHash,
  formatKey,
  fromHex,
  functionKey,
  masterKey,
  messageKey,
  open,
  openEncryptedData,
  parseKey,
  passphraseBytes,
  readKdfParameters,
  retrievalKey,
  seal,
  signDigest,
  signedDigest,
  signingKey,
  toHex,
  toUtf8,
  verifySigned,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { encryptedData, keySchedule, keysAndSignatures } from './vectors.js';

beforeAll(ready);

describe('vectors/key-schedule.json', () => {
  it.each(keySchedule.keys)('[DCP-A-01] [DCP-A-02] [DCP-A-03] the keys of $passphrase', async (vector) => {
    expect(toHex(passphraseBytes(vector.passphrase))).toBe(vector.passphrase_bytes);
    const master = await masterKey(vector.passphrase, fromHex(vector.salt));
    expect({
      master_key: toHex(master.reveal()),
      signing_key: toHex(signingKey(master).reveal()),
      encryption_key: toHex(encryptionKey(master).reveal()),
      function_key: toHex(functionKey(master).reveal()),
      retrieval_key: toHex(retrievalKey(master).reveal()),
    }).toEqual({
      master_key: vector.master_key,
      signing_key: vector.signing_key,
      encryption_key: vector.encryption_key,
      function_key: vector.function_key,
      retrieval_key: vector.retrieval_key,
    });
  });

  it.each(keySchedule.message)('[DCP-A-04] a message under its nonce $nonce', (vector) => {
    const nonce = fromHex(vector.nonce);
    const key = messageKey(fromHex(vector.conversation_key), nonce);
    expect(toHex(key.reveal())).toBe(vector.message_key);
    const sealed = seal(key, nonce, fromHex(vector.plaintext), fromHex(vector.additional_data));
    expect(toHex(sealed)).toBe(vector.ciphertext_and_tag);
    expect(toHex(open(key, nonce, sealed, fromHex(vector.additional_data)))).toBe(vector.plaintext);
  });
});

describe('vectors/encrypted-data.json', () => {
  const aad = fromHex(encryptedData.additional_data);

  it.each(encryptedData.opens)('[DCP-4.2-05] opens: $name', async (vector) => {
    const blob = fromHex(vector.encrypted_data);
    const parameters = readKdfParameters(blob);
    expect(written(parameters)).toEqual(vector.kdf);
    const master = await deriveMasterKey(encryptedData.passphrase, parameters);
    expect(toHex(master.reveal())).toBe(vector.master_key);
    expect(toHex(retrievalKey(master).reveal())).toBe(vector.retrieval_key);
    expect(toHex(await openEncryptedData(encryptedData.passphrase, blob, aad))).toBe(encryptedData.plaintext);
  });

  it.each(encryptedData.refused)('[DCP-4.4-02] refuses: $name', async ({ encrypted_data, error }) => {
    const opened = openEncryptedData(encryptedData.passphrase, fromHex(encrypted_data), aad);
    await expect(opened).rejects.toMatchObject({ code: error });
  });

  function written(parameters: KdfParameters): object {
    const salt = toHex(parameters.salt);
    if (parameters.kdf === 'pbkdf2') return { kdf: 'pbkdf2', iterations: 100_000, salt };
    return { kdf: 'argon2id', memory_kib: parameters.cost.memoryKiB, passes: parameters.cost.passes, salt };
  }
});

describe('vectors/keys-and-signatures.json', () => {
  const seed = fromHex(keysAndSignatures.seed);
  const publicKey = fromHex(keysAndSignatures.public_key_raw);

  it('[DCP-4.1-10] the public key and its text', () => {
    expect(toHex(ed25519PublicKey(seed))).toBe(keysAndSignatures.public_key_raw);
    expect(formatKey('ed25519', publicKey)).toBe(keysAndSignatures.public_key);
  });

  it.each(keysAndSignatures.key_texts_accepted)('[DCP-4.1-10] reads: $name', ({ text }) => {
    expect(parseKey(text)).toEqual({ algorithm: 'ed25519', bytes: publicKey });
  });

  it.each(keysAndSignatures.key_texts_refused)('refuses: $name', ({ text }) => {
    expect(() => parseKey(text)).toThrow(expect.objectContaining({ code: 'invalid_key' }));
  });

  it.each(keysAndSignatures.valid)('[DCP-A-05] signs the digest of $jcs as $type', (vector) => {
    const preimage = fromHex(vector.preimage);
    expect(preimage).toEqual(toUtf8(`DCP-${vector.type}-V1\0${vector.jcs}`));
    expect(toHex(signedDigest(preimage))).toBe(vector.digest);
    expect(formatHash(signedDigest(preimage))).toBe(vector.hash);
    expect(signDigest(seed, preimage)).toBe(vector.signature);
    expect(verifySigned(publicKey, preimage, vector.signature)).toBe(true);
  });

  it.each(keysAndSignatures.invalid)('[DCP-A-05] refuses: $name', ({ public_key, preimage, signature }) => {
    expect(verifySigned(parseKey(public_key).bytes, fromHex(preimage), signature)).toBe(false);
  });
});
