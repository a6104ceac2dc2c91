import { AUTH } from '@dcp/contracts';
import { deriveMasterKey, fromBase64, openEncryptedData, retrievalKey, sealWithMasterKey } from '@dcp/crypto';
import { newKdfParameters, sha256, toBase64, toUtf8 } from '@dcp/crypto';
import { encryptedDataContext, type RegisteredIdentity } from '@dcp/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { login, person, type Person, register, resident, sessionFor } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

const PASSPHRASE = 'correct horse battery staple';
const HOUR_S = 3_600;

interface PrintedArgon2id {
  kdf: 'argon2id';
  memory_kib: number;
  passes: number;
  salt: string;
}

describe.each(BOTH_BUSES)('fetching the identity file over the %s bus', (kind) => {
  let world: World;
  let alice: Person;
  let key: string;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start();
    await world.start();
    await resident(world);
    const sealed = await withSecrets(person(world, { file: { preferences: { theme: 'dark' }, x_note: 'kept' } }));
    ({ someone: alice, key } = sealed);
    await register(world, alice, { retrieval_hash: sealed.hash });
  });
  beforeEach(() => world.clock.advance(HOUR_S * 1000));
  afterAll(() => world.close());

  const parameters = async (user_id: string) =>
    (await world.bus.request(AUTH.retrievalParameters, { ...ORIGIN, user_id })).parameters;
  const fetchFile = async (user_id: string, retrieval_key: string) =>
    (await world.bus.request(AUTH.retrieveIdentityFile, { ...ORIGIN, user_id, retrieval_key })).identity_file;

  it('gives the whole file, unknown members too, to whoever knows the passphrase', async () => {
    const { kdf, memory_kib, passes, salt } = (await parameters(alice.userId)) as unknown as PrintedArgon2id;
    const cost = { memoryKiB: memory_kib, passes };
    const master = await deriveMasterKey(PASSPHRASE, { kdf, cost, salt: fromBase64(salt) });
    const file = await fetchFile(alice.userId, toBase64(retrievalKey(master).reveal()));
    expect(file).toMatchObject({ ...alice.file, account_type: 'standard' });
    const context = encryptedDataContext(file as unknown as RegisteredIdentity);
    const secrets = await openEncryptedData(PASSPHRASE, fromBase64(String(file['encrypted_data'])), context);
    expect(secrets).toEqual(toUtf8('the private key'));
  });

  it('shows parameters of the same kind for users who do not exist, the same every time and on every replica', async () => {
    const nobody = `${world.nodeId}.nobody`;
    const shown = await Promise.all(Array.from({ length: 6 }, () => parameters(nobody)));
    expect(new Set(shown.map((one) => JSON.stringify(one))).size).toBe(1);
    const real = await parameters(alice.userId);
    expect({ ...shown[0], salt: '' }).toEqual({ ...real, salt: '' });
    expect(fromBase64(String(shown[0]?.['salt']))).toHaveLength(16);
    expect(await parameters(`${world.nodeId}.nobody-else`)).not.toEqual(shown[0]);
  });

  it('tells the parameters of §4.4’s form as well', async () => {
    const { someone, hash } = await withSecrets(person(world), 'pbkdf2');
    await register(world, someone, { retrieval_hash: hash });
    const { salt, ...rest } = await parameters(someone.userId);
    expect(rest).toEqual({ kdf: 'pbkdf2', iterations: 100_000 });
    expect(salt).toEqual(expect.any(String));
  });

  it('refuses wrong keys and unknown users alike, five times an hour on all replicas together', async () => {
    const withoutFile = await resident(world);
    const wrong = toBase64(new Uint8Array(32));
    for (const userId of [alice.userId, withoutFile.userId, `${world.nodeId}.nobody`]) {
      const tries = await Promise.all(Array.from({ length: 9 }, () => refusalOf(fetchFile(userId, wrong))));
      expect(tries.map(({ code }) => code).sort()).toEqual([
        ...Array.from({ length: 5 }, () => 'INVALID_CREDENTIALS'),
        ...Array.from({ length: 4 }, () => 'RATE_LIMITED'),
      ]);
      expect((await refusalOf(fetchFile(userId, wrong))).details['retry_after']).toBe(HOUR_S);
    }
    expect((await refusalOf(fetchFile(alice.userId, key))).code).toBe('RATE_LIMITED');
    world.clock.advance(HOUR_S * 1000 - 1);
    expect((await refusalOf(fetchFile(alice.userId, key))).details['retry_after']).toBe(1);
    world.clock.advance(1);
    expect(await fetchFile(alice.userId, key)).toMatchObject({ version: '1.0' });
    expect(await world.rowsNaming('nobody')).toBe(0);
  });

  it('is refused when the passphrase was changed and no new key was left', async () => {
    const { someone, key: old, hash } = await withSecrets(person(world));
    await register(world, someone, { retrieval_hash: hash });
    const session = await sessionFor(world, someone);
    const resealed = await withSecrets(someone);
    await world.bus.request(AUTH.updateAccount, { session, identity_file: resealed.someone.file });
    expect((await refusalOf(fetchFile(someone.userId, old))).code).toBe('INVALID_CREDENTIALS');
  });

  it('never serves secrets that are sealed to another identity', async () => {
    const { someone, key: own, hash } = await withSecrets(person(world));
    await register(world, someone, { retrieval_hash: hash });
    const session = await sessionFor(world, someone);
    const { encrypted_data: _left, ...file } = someone.file;
    const moved = { ...file, home_node: { endpoint: 'wss://other.example.com' } };
    await world.bus.request(AUTH.updateAccount, { session, identity_file: moved });
    expect((await refusalOf(fetchFile(someone.userId, own))).code).toBe('INVALID_CREDENTIALS');
    await login(world, someone);
  });
});

/** The person's file with sealed secrets, the key that fetches it and that key's hash. */
async function withSecrets(someone: Person, kdf: 'argon2id' | 'pbkdf2' = 'argon2id') {
  const kdfParameters = newKdfParameters(kdf);
  const master = await deriveMasterKey(PASSPHRASE, kdfParameters);
  const context = encryptedDataContext(someone.file as unknown as RegisteredIdentity);
  const blob = sealWithMasterKey(master, kdfParameters, toUtf8('the private key'), context);
  const key = retrievalKey(master).reveal();
  const file = { ...someone.file, encrypted_data: toBase64(blob) };
  return { someone: { ...someone, file }, key: toBase64(key), hash: toBase64(sha256(key)) };
}
