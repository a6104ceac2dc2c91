import { AUTH, type Session } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimsOf, login, person, type Person, register, resident, sessionFor } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

describe.each(BOTH_BUSES)('what the owner may do, over the %s bus', (kind) => {
  let world: World;
  let owner: Person;
  let admin: Session;
  let alice: Person;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(async () => {
    await world.reset();
    await world.start();
    await world.start();
    owner = await resident(world);
    admin = await sessionFor(world, owner);
    alice = await resident(world);
  });
  afterAll(() => world.close());

  const suspend = (user_id: string, suspended = true, session = admin) =>
    world.bus.request(AUTH.suspend, { session, user_id, suspended });
  /** The same database under another registration policy. */
  const restart = async (registration: string) => {
    await world.stopAll();
    for (let i = 0; i < 2; i++) await world.start({ env: { DCP_REGISTRATION: registration } });
  };

  it('[DCP-14.2-05] [DCP-12.3-03] suspends a user, whose sessions end at once, and lets him in again', async () => {
    const success = await login(world, alice);
    expect(await suspend(alice.userId)).toEqual({ user_id: alice.userId, suspended: true });
    await eventually(() => expect(world.revoked).toHaveLength(1));
    expect(world.revoked[0]).toMatchObject({ session_ids: [success.session_id], reason: 'suspended' });
    const { session_token } = success;
    expect((await refusalOf(world.bus.request(AUTH.refresh, { ...ORIGIN, session_token }))).code).toBe(
      'SESSION_EXPIRED',
    );
    expect((await refusalOf(login(world, alice))).code).toBe('ACCOUNT_SUSPENDED');
    expect(await suspend(alice.userId)).toEqual({ user_id: alice.userId, suspended: true });
    expect(await suspend(alice.userId, false)).toEqual({ user_id: alice.userId, suspended: false });
    expect(claimsOf(await login(world, alice)).sub).toBe(alice.userId);
  });

  it('[DCP-14.2-05] tells only the user himself that he is suspended', async () => {
    await suspend(alice.userId);
    const impostor = { ...alice, key: owner.key };
    expect(await refusalOf(login(world, impostor))).toEqual({
      code: 'INVALID_CREDENTIALS',
      message: 'Authentication failed',
      details: {},
    });
  });

  it('suspends neither the owner nor nobody', async () => {
    expect((await refusalOf(suspend(owner.userId))).code).toBe('INSUFFICIENT_PERMISSIONS');
    expect((await refusalOf(suspend(`${world.nodeId}.nobody`))).code).toBe('USER_NOT_FOUND');
  });

  it('[DCP-14.2-04] refuses everybody else', async () => {
    const session = await sessionFor(world, alice);
    const { userId: user_id } = owner;
    const requests = [
      () => suspend(user_id, true, session),
      () => world.bus.request(AUTH.approve, { session, user_id }),
      () => world.bus.request(AUTH.pending, { session }),
      () => world.bus.request(AUTH.createInvite, { session }),
      () => world.bus.request(AUTH.invites, { session }),
    ];
    for (const request of requests) expect((await refusalOf(request())).code).toBe('INSUFFICIENT_PERMISSIONS');
  });

  it('approves who waits', async () => {
    await restart('approval');
    const waiting = person(world);
    await register(world, waiting);
    const pending = async () => (await world.bus.request(AUTH.pending, { session: admin })).user_ids;
    expect(await pending()).toEqual([waiting.userId]);
    expect((await refusalOf(world.bus.request(AUTH.profile, { user_id: waiting.userId }))).code).toBe('USER_NOT_FOUND');
    const approve = (user_id: string) => world.bus.request(AUTH.approve, { session: admin, user_id });
    expect(await approve(waiting.userId)).toEqual({ user_id: waiting.userId });
    expect(await approve(waiting.userId)).toEqual({ user_id: waiting.userId });
    expect(await pending()).toEqual([]);
    await login(world, waiting);
    expect((await refusalOf(approve(`${world.nodeId}.nobody`))).code).toBe('USER_NOT_FOUND');
  });

  it('what it says of a suspended user is true of one who still waits, too', async () => {
    await restart('approval');
    const waiting = person(world);
    await register(world, waiting);
    expect(await suspend(waiting.userId)).toEqual({ user_id: waiting.userId, suspended: true });
    expect((await refusalOf(login(world, waiting))).code).toBe('ACCOUNT_SUSPENDED');
  });

  it('makes invites whose codes it does not keep, and lists those that are good', async () => {
    await restart('invite');
    const create = (uses?: number, expires_in?: number) =>
      world.bus.request(AUTH.createInvite, { session: admin, uses, expires_in });
    const [once, thrice] = [await create(), await create(3, 3_600)];
    expect(once).toMatchObject({ uses_left: 1 });
    expect(Date.parse(thrice.expires)).toBe(world.clock.now() + 3_600_000);
    expect(await world.rowsNaming(once.code)).toBe(0);
    await register(world, person(world), { invite: once.code });
    await register(world, person(world), { invite: thrice.code });
    const list = async () => (await world.bus.request(AUTH.invites, { session: admin })).invites;
    expect(await list()).toEqual([
      { code_hash: expect.any(String), created: expect.any(String), expires: thrice.expires, uses_left: 2 },
    ]);
    world.clock.advance(3_600_000);
    expect(await list()).toEqual([]);
  });
});
