import { beforeAll, describe, expect, it } from '@jest/globals';
import { ready, verifySigned, parseKey } from '@dcp/crypto';
import { DcpError, signingInput, type IdentityFile } from '@dcp/protocol';
import { resolveChannelAlias, resolveUserAlias } from './aliases.js';
import { changePassphrase, changeProfile, createIdentity, openIdentity, verifyIdentityFile } from './identity-file.js';

const wish = {
  username: 'alice',
  displayName: 'Alice River',
  homeNode: { id: 'a7f3k9m2', endpoint: 'wss://chat.example.com' },
};
const PASSPHRASE = 'correct horse battery';

beforeAll(() => ready());

describe('identity files', () => {
  it('[DCP-4.1-01] [DCP-4.1-10] [DCP-2-02] a new file verifies, opens with the passphrase, and survives JSON', async () => {
    const { file, seed } = await createIdentity(wish, PASSPHRASE);
    expect(file.identity.username).toMatch(/^alice-[a-z2-7]{4}$/);
    const copy = verifyIdentityFile(JSON.parse(JSON.stringify(file)));
    expect(copy).toEqual(file);
    const key = parseKey(file.identity.public_key).bytes;
    expect(verifySigned(key, signingInput('IDENTITY', file.identity), file.signature)).toBe(true);
    const opened = await openIdentity(copy, PASSPHRASE);
    expect(opened.seed.reveal()).toEqual(seed.reveal());
  });

  it('[DCP-4.2-05] the key is not in the file, and a wrong passphrase does not open it', async () => {
    const { file, seed } = await createIdentity({ ...wish, kdf: 'pbkdf2' }, PASSPHRASE);
    const text = JSON.stringify(file);
    for (const encoding of ['base64', 'hex', 'base64url'] as const) {
      expect(text).not.toContain(Buffer.from(seed.reveal()).toString(encoding).slice(0, 20));
    }
    await expect(openIdentity(file, 'wrong horse battery')).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });

  it('[DCP-4.2-06] one changed byte in the identity is found; preferences are free', async () => {
    const { file } = await createIdentity({ ...wish, kdf: 'pbkdf2' }, PASSPHRASE);
    const forged: IdentityFile = { ...file, identity: { ...file.identity, display_name: 'Mallory' } };
    expect(() => verifyIdentityFile(forged)).toThrow(DcpError);
    expect(verifyIdentityFile({ ...file, preferences: { theme: 'dark' } }).preferences).toEqual({ theme: 'dark' });
  });

  it('the seal holds the endpoint and the account type too', async () => {
    const { file } = await createIdentity({ ...wish, kdf: 'pbkdf2' }, PASSPHRASE);
    const moved = { ...file, home_node: { ...file.home_node, endpoint: 'wss://evil.example' } };
    await expect(openIdentity(moved, PASSPHRASE)).rejects.toMatchObject({ code: 'wrong_passphrase' });
    await expect(openIdentity({ ...file, account_type: 'minimal' }, PASSPHRASE)).rejects.toMatchObject({
      code: 'wrong_passphrase',
    });
  });

  it('passphrase and profile change, the identity stays', async () => {
    const open = await createIdentity({ ...wish, kdf: 'pbkdf2' }, PASSPHRASE);
    const { file } = await changePassphrase(open, 'another passphrase', 'pbkdf2');
    await expect(openIdentity(file, PASSPHRASE)).rejects.toMatchObject({ code: 'wrong_passphrase' });
    const again = await openIdentity(file, 'another passphrase');
    const changed = await changeProfile(again, { bio: 'Coffee' }, 'another passphrase');
    expect(verifyIdentityFile(changed.file).identity).toMatchObject({
      bio: 'Coffee',
      public_key: file.identity.public_key,
    });
    expect((await openIdentity(changed.file, 'another passphrase')).seed.reveal()).toEqual(open.seed.reveal());
  });

  it('[DCP-4.1-08] [DCP-2-06] aliases name users and channels, sub-channels too', () => {
    const preferences = {
      aliases: { users: { bob: 'b8x1n5p4.bob-smith-2x1m' }, channels: { dev: '#development/general' } },
    };
    expect(resolveUserAlias('bob', preferences)).toBe('b8x1n5p4.bob-smith-2x1m');
    expect(resolveChannelAlias('dev', preferences)).toBe('#development/general');
    expect(resolveChannelAlias('toString', preferences)).toBe('toString');
    expect(resolveChannelAlias('dev', undefined)).toBe('dev');
  });
});
