import { AUTH, type Session } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { addDevice, type File, keyPair, login, person, type Person, register } from './support/person.js';
import { resident, sessionFor, sessionOf, signed } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

const PICTURE = `data:image/png;base64,${Buffer.alloc(50 * 1024).toString('base64')}`;
const LARGER = `data:image/png;base64,${Buffer.alloc(50 * 1024 + 1).toString('base64')}`;

describe.each(BOTH_BUSES)('accounts over the %s bus', (kind) => {
  let world: World;
  let alice: Person;
  let session: Session;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start();
    await world.start();
    await resident(world);
  });
  beforeEach(async () => {
    world.forget = async () => {};
    for (const heard of [world.revoked, world.settings, world.forgotten]) heard.length = 0;
    alice = await resident(world, { identity: { display_name: 'Alice River', bio: 'Developer', pronouns: 'she/her' } });
    session = await sessionFor(world, alice);
  });
  afterAll(() => world.close());

  const profile = (user_id: string) => world.bus.request(AUTH.profile, { user_id });
  const settings = (user_id: string) => world.bus.request(AUTH.settings, { user_id });
  const update = (file: Record<string, unknown>, retrieval_hash?: string) =>
    world.bus.request(AUTH.updateAccount, { session, identity_file: file, retrieval_hash });
  const remove = (as = session) => world.bus.request(AUTH.removeAccount, { session: as });
  /** Her file with another identity section, signed again. */
  const changed = (identity: object, file: object = {}): File =>
    signed(alice.key, { ...alice.file, ...file, identity: { ...alice.file.identity, ...identity } });

  it('[DCP-4.3-01] shows what a user tells of himself, on the next day too', async () => {
    world.clock.advance(86_400_000);
    expect(await profile(alice.userId)).toEqual({
      user_id: alice.userId,
      public_key: alice.key.publicKey,
      display_name: 'Alice River',
      bio: 'Developer',
      pronouns: 'she/her',
      account_type: 'standard',
      created: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    await login(world, alice);
    for (const [nobody, code] of [
      [`${world.nodeId}.nobody`, 'USER_NOT_FOUND'],
      ['zzzzzzzz.somebody', 'NODE_UNREACHABLE'],
    ] as const) {
      expect((await refusalOf(profile(nobody))).code).toBe(code);
      expect((await refusalOf(settings(nobody))).code).toBe(code);
    }
  });

  it('[DCP-4.1-06] [DCP-4.1-07] knows whom a user blocks and whether he shows himself, and tells the gateways of changes', async () => {
    expect(await settings(alice.userId)).toEqual({
      user_id: alice.userId,
      show_online_status: true,
      allow_direct_messages: true,
      blocked_users: [],
    });
    const blocked_users = [`${world.nodeId}.mallory`];
    const privacy = { show_online_status: false, allow_direct_messages: false };
    await update({ ...alice.file, preferences: { blocked_users, privacy } });
    const now = { user_id: alice.userId, ...privacy, blocked_users };
    expect(await settings(alice.userId)).toEqual(now);
    await eventually(() => expect(world.settings).toEqual([now]));
  });

  it('[DCP-4.2-06] [DCP-4.2-09] changes a profile that is newly signed, within the limits of its members', async () => {
    await update(changed({ display_name: 'A. River', avatar: PICTURE, bio: '🦊'.repeat(500), pronouns: undefined }));
    const shown = await profile(alice.userId);
    expect(shown).toMatchObject({ display_name: 'A. River', avatar: PICTURE, bio: '🦊'.repeat(500) });
    expect(shown).not.toHaveProperty('pronouns');
    const bad: [File, string][] = [
      [changed({ avatar: LARGER }), 'identity.avatar'],
      [changed({ bio: 'x'.repeat(501) }), 'identity.bio'],
      [{ ...alice.file, identity: { ...alice.file.identity, bio: 'unsigned' } }, 'signature'],
    ];
    for (const [file, path] of bad) {
      expect(await refusalOf(update(file))).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path } });
    }
  });

  it('lets nobody change who he is', async () => {
    const other = keyPair();
    const bob = person(world);
    const files: [string, File][] = [
      ['another user', bob.file],
      ['another name', changed({ full_id: `${world.nodeId}.bobby`, username: 'bobby' })],
      [
        'another key',
        signed(other, { ...alice.file, identity: { ...alice.file.identity, public_key: other.publicKey } }),
      ],
      ['another birth', changed({ created: '2024-01-01T00:00:00Z' })],
      ['another kind of account', changed({}, { account_type: 'temporary' })],
    ];
    for (const [what, file] of files) {
      expect({ what, code: (await refusalOf(update(file))).code }).toEqual({ what, code: 'CONFLICT' });
    }
    expect(await profile(alice.userId)).toMatchObject({ public_key: alice.key.publicKey });
  });

  it('keeps sessions when only the file changes', async () => {
    await update(changed({ bio: 'new' }, { encrypted_data: 'AAAA' }));
    const { sessions } = await world.bus.request(AUTH.sessions, { session });
    expect(sessions).toHaveLength(1);
    expect(world.revoked).toEqual([]);
  });

  it('removes an account: its writings first, then every row, its sessions at once', async () => {
    const device = await addDevice(world, alice, session);
    const onDevice = await login(world, alice, device);
    expect(await world.rowsNaming(alice.userId)).toBeGreaterThan(3);
    world.forget = async (userId) => {
      expect(await world.rowsNaming(userId)).toBeGreaterThan(0);
    };
    await remove();
    expect(world.forgotten).toEqual([alice.userId]);
    expect(await world.rowsNaming(alice.userId)).toBe(0);
    expect(await world.rowsNaming(device.id)).toBe(0);
    await eventually(() => expect(world.revoked).toHaveLength(1));
    expect(world.revoked[0]).toMatchObject({ user_id: alice.userId, reason: 'removed' });
    expect(new Set(world.revoked[0]?.session_ids)).toEqual(new Set([session.session_id, onDevice.session_id]));
    expect((await refusalOf(login(world, alice))).code).toBe('INVALID_CREDENTIALS');
    const { session_token } = onDevice;
    expect((await refusalOf(world.bus.request(AUTH.refresh, { ...ORIGIN, session_token }))).code).toBe(
      'SESSION_EXPIRED',
    );
    await register(world, alice);
  });

  it('[DCP-12.3-03] gateways that start later refuse the tokens of a removed account too', async () => {
    await remove();
    expect([...(await world.revocations()).keys()]).toContain(session.session_id);
  });

  it('a login while the account is being removed leaves no session that a gateway would believe', async () => {
    let during: Session | undefined;
    world.forget = async () => {
      during = await login(world, alice).then(sessionOf, () => undefined);
    };
    await remove();
    const revoked = await world.revocations();
    expect(during === undefined || revoked.has(during.session_id)).toBe(true);
  });

  it('an account whose writings cannot be forgotten now stays, for another try', async () => {
    world.forget = async () => {
      throw new DcpError('MAINTENANCE_MODE', { reason: 'unavailable' });
    };
    expect((await refusalOf(remove())).code).toBe('MAINTENANCE_MODE');
    world.forget = async () => {};
    await remove(await sessionFor(world, alice));
    expect(await world.rowsNaming(alice.userId)).toBe(0);
  });
});
