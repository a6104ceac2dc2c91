import { beforeAll, describe, expect, it } from '@jest/globals';
import { argon2Sync } from 'node:crypto';
import { ARGON2ID_DEFAULT, argon2id } from './argon2id.js';
import { sodiumReady } from './sodium.js';

beforeAll(sodiumReady);

const password = new TextEncoder().encode('correct horse battery staple');
const salt = Uint8Array.from({ length: 16 }, (_, at) => at);

describe('argon2id', () => {
  // RFC 9106's own vector needs four lanes, a secret and data, which libsodium does not offer; OpenSSL is the second
  // implementation.
  it.each([
    ARGON2ID_DEFAULT,
    { memoryKiB: 19 * 1024, passes: 2 },
    { memoryKiB: 20 * 1024 + 1, passes: 3 },
    { memoryKiB: 32 * 1024, passes: 10 },
  ])('[DCP-12.1-04] agrees with OpenSSL: %j', async (cost) => {
    const { memoryKiB: memory, passes } = cost;
    const theirs = argon2Sync('argon2id', {
      message: password,
      nonce: salt,
      parallelism: 1,
      tagLength: 32,
      memory,
      passes,
    });
    expect(await argon2id(password, salt, cost)).toEqual(new Uint8Array(theirs));
  });

  it.each([
    { memoryKiB: 1024 * 1024 + 1, passes: 3 },
    { memoryKiB: 19 * 1024 - 1, passes: 3 },
    { memoryKiB: 65_536, passes: 11 },
    { memoryKiB: 65_536, passes: 1 },
    { memoryKiB: 65_536.5, passes: 3 },
    { memoryKiB: Number.NaN, passes: 3 },
  ])('refuses %j', async (cost) => {
    await expect(argon2id(password, salt, cost)).rejects.toMatchObject({ code: 'kdf_out_of_bounds' });
  });

  it('refuses a salt of another length', async () => {
    await expect(argon2id(password, salt.subarray(1))).rejects.toMatchObject({ code: 'invalid_length' });
  });
});
