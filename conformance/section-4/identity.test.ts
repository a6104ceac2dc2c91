import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { expectRefused, type ErrorCode } from '../stranger/errors.js';
import { newIdentityFile, randomName, signIdentity } from '../stranger/identity-file.js';
import { changed } from '../stranger/json.js';
import { Key, openSshKey, rawKey } from '../stranger/keys.js';
import { printedFile } from '../stranger/printed-file.js';

conformance('§4 identity', (node) => {
  /** Registers a fresh file with one member changed; `sign` again when the member is part of what is signed. */
  async function registerChanged(path: string, value: unknown, sign = true) {
    const actor = await Actor.stranger(node);
    const file = changed(actor.file, path, value);
    actor.file = sign && file.identity !== undefined ? signIdentity(file, actor.identityKey) : file;
    return actor.signUp();
  }

  async function refusedChange(path: string, value: unknown, code: ErrorCode = 'INVALID_MESSAGE_FORMAT', sign = true) {
    const error = expectRefused(await registerChanged(path, value, sign), code);
    expect(error.details['path']).toContain(path.split('.').at(-1));
  }

  it('[DCP-4.1-01] [DCP-4.1-03] [DCP-4.1-09] takes the file of §4.1 as printed, with real keys', async () => {
    const key = new Key();
    const file = await printedFile(node, key);
    const actor = new Actor(node, node.url(), key, file);
    const { status, body } = await actor.signUp();
    expect({ status, body }).toMatchObject({ status: 201, body: { user_id: file.identity.full_id, status: 'active' } });
    await actor.login();
    const me = await actor.rest.get('/accounts/me');
    const { display_name, avatar, bio, pronouns } = file.identity;
    expect(me).toMatchObject({ status: 200, body: { display_name, avatar, bio, pronouns, account_type: 'standard' } });
  });

  it('[DCP-4.1-01] refuses what is not JSON, and what is no object', async () => {
    for (const body of ['{"identity_file":{', 'identity', '[]', '"x"', 'null', '{"identity_file":[]}', '{}']) {
      expectRefused(await node.rest.post('/accounts', body), 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('[DCP-4.1-10] the public key is `ed25519:` and 32 raw bytes; the OpenSSH form names the same key', async () => {
    const actor = await Actor.stranger(node);
    const ssh = openSshKey(actor.identityKey.publicKey);
    actor.file = signIdentity(changed(actor.file, 'identity.public_key', ssh), actor.identityKey);
    expect(await actor.signUp()).toMatchObject({ status: 201 });
    await actor.login();
    const { body } = await actor.rest.get(`/users/${actor.userId}`);
    expect(body['public_key']).toMatch(/^ed25519:/);
    const shown = Buffer.from(String(body['public_key']).slice(8), 'base64');
    expect(shown.subarray(-32)).toEqual(rawKey(actor.identityKey.publicKey));
    const bad = ['ed25519:', 'ed25519:AAAA', 'rsa:AAAA', actor.identityKey.publicKey.slice(8), 7, null];
    for (const key of bad) await refusedChange('identity.public_key', key);
  });

  it('[DCP-4.2-01] `version` is "1.0": 9002 for another, 2000 without', async () => {
    for (const version of ['1.1', '2.0', '0.9']) await refusedChange('version', version, 'PROTOCOL_VERSION_MISMATCH');
    for (const version of [undefined, 1, null, {}]) await refusedChange('version', version);
  });

  it('[DCP-4.2-02] full_id, home_node_id and username agree and belong to this node', async () => {
    await refusedChange('identity.username', `bob-${randomName(8)}`).catch(() => refusedFullId());
    await refusedFullId();
    await refusedChange('home_node.id', 'zzzzzzzz');
    const foreign = newIdentityFile({ nodeId: 'zzzzzzzz', endpoint: 'ws://127.0.0.1:1' }, new Key());
    expectRefused(await node.rest.post('/accounts', { identity_file: foreign }), 'INVALID_MESSAGE_FORMAT');
    for (const name of ['Alice-1', 'al', '-alice', 'al ice', 'al.ice', 'alicé', 'a'.repeat(64), '']) {
      const wish = await Actor.stranger(node, { username: name });
      expectRefused(await wish.signUp(), 'INVALID_MESSAGE_FORMAT');
    }

    async function refusedFullId() {
      const answer = await registerChanged('identity.full_id', `${await node.id()}.other-${randomName(6)}`);
      expectRefused(answer, 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('[DCP-4.2-02] [DCP-2-04] a username is given once on a node', async () => {
    const first = await Actor.register(node);
    const second = await Actor.stranger(node, { username: first.file.identity.username });
    expectRefused(await second.signUp(), 'CONFLICT');
    // The very same file again is a retry whose first answer got lost.
    expect(await first.signUp()).toMatchObject({ status: 201, body: { user_id: first.userId } });
    await first.login();
  });

  it('[DCP-4.2-03] `created` is an ISO 8601 time', async () => {
    for (const created of [1_757_154_600, 'yesterday', '2025-09-06', '2025-13-06T10:30:00Z', '']) {
      await refusedChange('identity.created', created);
    }
    expect(await registerChanged('identity.created', '2025-09-06T10:30:00Z')).toMatchObject({ status: 201 });
  });

  it('[DCP-4.2-04] `home_node.endpoint` is a WebSocket URL', async () => {
    for (const endpoint of ['http://chat.example.com', '', 'chat.example.com', 'wss://', 'javascript:alert(1)', 5]) {
      await refusedChange('home_node.endpoint', endpoint);
    }
    expect(await registerChanged('home_node.endpoint', 'wss://chat.example.com')).toMatchObject({ status: 201 });
  });

  it('[DCP-4.2-05] [DCP-4.2-06] the signature covers the identity section, and nothing besides', async () => {
    const actor = await Actor.stranger(node, { identity: { bio: 'Software developer' } });
    const tampered = changed(actor.file, 'identity.bio', 'Software developes');
    const error = expectRefused(
      await node.rest.post('/accounts', { identity_file: tampered }),
      'INVALID_MESSAGE_FORMAT',
    );
    expect(error.details['path']).toBe('signature');
    actor.file = { ...actor.file, preferences: { theme: 'dark', unheard_of: [1, 2] } };
    expect(await actor.signUp()).toMatchObject({ status: 201 });
    await actor.login();
    const forged = signIdentity(changed(actor.file, 'identity.bio', 'mine now'), new Key());
    expectRefused(await actor.rest.put('/accounts/me', { identity_file: forged }), 'INVALID_MESSAGE_FORMAT');
  });

  it('[DCP-4.2-07] each required member is enforced and named when it is missing', async () => {
    const members = ['full_id', 'home_node_id', 'username', 'public_key', 'created'].map((name) => `identity.${name}`);
    for (const path of [...members, 'home_node.endpoint']) await refusedChange(path, undefined);
    for (const path of ['version', 'signature', 'identity', 'home_node']) {
      await refusedChange(path, undefined, 'INVALID_MESSAGE_FORMAT', false);
    }
  });

  it('[DCP-4.2-08] a file with the required members only is enough', async () => {
    const actor = await Actor.stranger(node);
    actor.file = changed(changed(actor.file, 'account_type', undefined), 'home_node.id', undefined);
    expect(await actor.signUp()).toMatchObject({ status: 201 });
    await actor.login();
    const { body } = await actor.rest.get(`/users/${actor.userId}`);
    expect(body).toMatchObject({ user_id: actor.userId });
    expect(body).not.toHaveProperty('pronouns');
  });

  it('[DCP-4.2-09] an avatar is a base64 image of at most 50 KB, at registration and later', async () => {
    const image = (bytes: number) => `data:image/png;base64,${Buffer.alloc(bytes, 7).toString('base64')}`;
    const actor = await Actor.register(node, { identity: { avatar: image(51_200) } });
    const tooLarge = signIdentity(changed(actor.file, 'identity.avatar', image(51_201)), actor.identityKey);
    expectRefused(await actor.rest.put('/accounts/me', { identity_file: tooLarge }), 'INVALID_MESSAGE_FORMAT');
    const bad = ['data:text/html;base64,AAAA', 'https://example.com/a.png', 'data:image/png;base64,<svg>', 12];
    for (const avatar of [image(51_201), ...bad]) await refusedChange('identity.avatar', avatar);
    const { body } = await actor.rest.get(`/users/${actor.userId}`);
    expect(body['avatar']).toBe(image(51_200));
  });

  it('[DCP-4.2-10] a bio has at most 500 characters, counted as characters', async () => {
    expect(await registerChanged('identity.bio', '👋'.repeat(500))).toMatchObject({ status: 201 });
    await refusedChange('identity.bio', '👋'.repeat(501));
    await refusedChange('identity.bio', 'a'.repeat(501));
  });

  it('[DCP-4.2-11] account_type is standard, minimal or temporary', async () => {
    for (const type of ['standard', 'minimal', 'temporary']) {
      expect(await registerChanged('account_type', type)).toMatchObject({ status: 201 });
    }
    for (const type of ['admin', '', null, 3]) await refusedChange('account_type', type);
  });

  it('[DCP-4.3-01] a standard account finds its profile and its history at the next login', async () => {
    const alice = await Actor.register(node, { identity: { display_name: 'Alice River' } });
    const room = await alice.createChannel();
    const message = alice.message(room);
    await alice.rest.post(`/channels/${room.channel_id}/messages`, message);
    const later = await alice.again();
    const history = await later.rest.get<{ messages: { id: string }[] }>(`/channels/${room.channel_id}/messages`);
    expect(history.body.messages.map(({ id }) => id)).toContain(message['id']);
    expect((await later.rest.get('/accounts/me')).body).toMatchObject({ display_name: 'Alice River' });
  });

  it('[DCP-4.3-03] [DCP-4.3-04] a temporary account asks for nothing personal and its session ends with it', async () => {
    const actor = await Actor.stranger(node, { accountType: 'temporary' });
    const { status, body } = await actor.signUp({ expires_in: 60 });
    expect(status).toBe(201);
    const end = Date.parse(String(body['expires']));
    expect(Math.abs(end - Date.now() - 60_000)).toBeLessThan(10_000);
    const { expires } = await actor.login();
    expect(Date.parse(expires)).toBeLessThanOrEqual(end + 1_000);
    for (const expires_in of [0, -1, 59, 1.5, '60', 31 * 86_400]) {
      const other = await Actor.stranger(node, { accountType: 'temporary' });
      expectRefused(await other.signUp({ expires_in }), 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('refuses hostile and mistyped members of every section', async () => {
    const changes: [string, unknown][] = [
      ['identity.display_name', 'x'.repeat(101)],
      ['identity.display_name', { $ne: null }],
      ['identity.pronouns', ['she', 'her']],
      ['identity.metadata', 'UTC-8'],
      ['identity.metadata', { languages: 'en' }],
      ['preferences', []],
      ['preferences', { blocked_users: ['bob'] }],
      ['preferences', { blocked_users: Array.from({ length: 1_001 }, (_, i) => `aaaaaaaa.bob-${i}`) }],
      ['preferences', { privacy: { show_online_status: 'no' } }],
      ['preferences', { aliases: { users: { bob: '../../etc/passwd' } } }],
      ['home_node', 'wss://chat.example.com'],
      ['signature', 'ed25519:AAAA'],
      ['signature', `ed25519:${'A'.repeat(88)}`],
      ['encrypted_data', 'not base64!'],
      ['encrypted_data', 5],
    ];
    for (const [path, value] of changes) {
      expectRefused(await registerChanged(path, value, path !== 'signature'), 'INVALID_MESSAGE_FORMAT');
    }
    const nul = await Actor.stranger(node, { identity: { display_name: 'nul\0' } });
    expectRefused(await nul.signUp(), 'INVALID_MESSAGE_FORMAT');
  });
});
