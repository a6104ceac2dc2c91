import { AUTH } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { addDevice, claimsOf, login, person, type Person, register, resident, sessionOf } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

const SWEEPING = { DCP_SWEEP_MS: '50' };
const MINUTE = 60_000;

describe.each(BOTH_BUSES)('what ends by itself, over the %s bus', (kind) => {
  let world: World;
  let ghost: Person;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(async () => {
    await world.reset();
    await world.start({ env: SWEEPING });
    await world.start({ env: SWEEPING });
    await resident(world);
    ghost = person(world, { file: { account_type: 'temporary' } });
  });
  afterAll(() => world.close());

  const gone = (who: Person) => eventually(async () => expect(await world.rowsNaming(who.userId)).toBe(0));

  it('[DCP-4.3-04] a temporary account asks for no personal field, and lives a day unless told otherwise', async () => {
    const answer = await register(world, ghost);
    expect(Object.keys(ghost.file.identity).sort()).toEqual([
      'created',
      'full_id',
      'home_node_id',
      'public_key',
      'username',
    ]);
    expect(Date.parse(answer.expires ?? '')).toBe(world.clock.now() + 86_400_000);
    const brief = person(world, { file: { account_type: 'temporary' } });
    const { expires } = await register(world, brief, { expires_in: 60 });
    expect(Date.parse(expires ?? '')).toBe(world.clock.now() + MINUTE);
    expect(await register(world, person(world), { expires_in: 60 })).not.toHaveProperty('expires');
  });

  it('[DCP-4.3-03] its tokens end with it, and nobody logs in or looks it up afterwards', async () => {
    await world.stopAll();
    await world.start();
    await register(world, ghost, { expires_in: 60 });
    const success = await login(world, ghost);
    expect(claimsOf(success).exp * 1000).toBeLessThanOrEqual(world.clock.now() + MINUTE);
    expect(claimsOf(success).refresh_after).toBeLessThanOrEqual(claimsOf(success).exp);
    world.clock.advance(MINUTE);
    expect((await refusalOf(login(world, ghost))).code).toBe('INVALID_CREDENTIALS');
    const { session_token } = success;
    expect((await refusalOf(world.bus.request(AUTH.refresh, { ...ORIGIN, session_token }))).code).toBe(
      'SESSION_EXPIRED',
    );
    expect((await refusalOf(world.bus.request(AUTH.profile, { user_id: ghost.userId }))).code).toBe('USER_NOT_FOUND');
  });

  it('[DCP-4.3-03] [DCP-4.3-04] leaves no row that names it', async () => {
    await register(world, ghost, { expires_in: 60 });
    const device = await addDevice(world, ghost, sessionOf(await login(world, ghost)));
    await login(world, ghost, device);
    const stays = await resident(world);
    world.clock.advance(MINUTE);
    await gone(ghost);
    expect(await world.rowsNaming(device.id)).toBe(0);
    expect(world.forgotten).toContain(ghost.userId);
    expect(world.forgottenKeys).toContain(ghost.userId);
    expect(await world.rowsNaming(stays.userId)).toBe(1);
  });

  it('[DCP-4.3-03] is tried again until its writings are forgotten, and nobody else waits for that', async () => {
    const other = person(world, { file: { account_type: 'temporary' } });
    await register(world, ghost, { expires_in: 60 });
    world.clock.advance(1);
    await register(world, other, { expires_in: 60 });
    let failures = 0;
    world.forget = async (userId) => {
      if (userId !== ghost.userId) return;
      failures++;
      throw new DcpError('INTERNAL_ERROR');
    };
    world.clock.advance(2 * MINUTE);
    await gone(other);
    await eventually(() => expect(failures).toBeGreaterThan(0));
    expect(await world.rowsNaming(ghost.userId)).toBeGreaterThan(0);
    world.forget = async () => {};
    world.clock.advance(10 * MINUTE);
    await gone(ghost);
  });

  it('[DCP-4.3-03] is tried again until its keys are forgotten, too', async () => {
    await register(world, ghost, { expires_in: 60 });
    let failures = 0;
    world.forgetKeys = async () => {
      failures++;
      throw new DcpError('INTERNAL_ERROR');
    };
    world.clock.advance(2 * MINUTE);
    await eventually(() => expect(failures).toBeGreaterThan(1));
    expect(await world.rowsNaming(ghost.userId)).toBeGreaterThan(0);
    world.forgetKeys = async () => {};
    await gone(ghost);
    expect(world.forgottenKeys).toContain(ghost.userId);
  });

  it('removes rows that mean nothing any more, also while the channel service is away', async () => {
    world.forget = async () => {
      throw new DcpError('MAINTENANCE_MODE', { reason: 'unavailable' });
    };
    await register(world, ghost, { expires_in: 60 });
    const alice = await resident(world);
    await login(world, alice);
    await refusalOf(
      world.bus.request(AUTH.retrieveIdentityFile, { ...ORIGIN, user_id: alice.userId, retrieval_key: 'AAAA' }),
    );
    await world.admin.query(
      `insert into auth.invites (code_hash, created_by, created_at, expires_at, uses_left)
       values ('x', '', $1, $1, 1)`,
      [new Date(world.clock.now() + MINUTE)],
    );
    expect(await world.count('used_challenges')).toBeGreaterThan(0);
    world.clock.advance(9 * 3_600_000);
    await eventually(async () => {
      for (const table of ['used_challenges', 'sessions', 'invites', 'retrieval_attempts']) {
        expect({ table, rows: await world.count(table) }).toEqual({ table, rows: 0 });
      }
    });
  });

  it('remembers a used challenge for longer than a replica with a slow clock believes it to be good', async () => {
    await login(world, await resident(world));
    world.clock.advance(5 * MINUTE + 1_000);
    await register(world, ghost, { expires_in: 60 });
    world.clock.advance(MINUTE);
    await gone(ghost);
    expect(await world.count('used_challenges')).toBeGreaterThan(0);
  });
});
