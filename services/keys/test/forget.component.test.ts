import { KEYS } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { acknowledge, claim, fetch, firstPrekeys, message, owner, type Owner, publish } from './support/owner.js';
import { reachable, reference, send } from './support/owner.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

const SWEEPING = { DCP_KEYS_SWEEP_MS: '50' };
const DAY = 86_400_000;

describe.each(BOTH_BUSES)('what ends, over the %s bus', (kind) => {
  let world: World;
  let alice: Owner;
  let bob: Owner;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(async () => {
    await world.reset();
    await world.start({ env: SWEEPING });
    await world.start({ env: SWEEPING });
    [alice, bob] = [await reachable(world, 3), await reachable(world, 3)];
  });
  afterAll(() => world.close());

  const forget = (user_id: string) => world.authBus.request(KEYS.forgetUser, { user_id });
  const unknownTo = async (by: Owner, to: Owner) => (await send(world, by, message(to))).unknown;

  it('[DCP-12.3-07] a revoked device gets no new keys: its prekeys and its queue are gone', async () => {
    const waiting = message(bob);
    await send(world, alice, waiting);
    const laptop = await reachable(world, 1, { user_id: bob.user_id });
    await world.revoke(bob);
    await eventually(async () => expect(await unknownTo(alice, bob)).toEqual([reference(bob)]));
    expect(await claim(world, alice, bob, laptop)).toMatchObject({
      bundles: [{ device: laptop.device }],
      missing: [reference(bob)],
    });
    expect(await fetch(world, bob)).toEqual({ items: [], has_more: false });
    expect(await world.rowsNaming(waiting.body)).toBe(0);
    expect(await unknownTo(alice, laptop)).toEqual([]);
  });

  it('[DCP-12.3-07] a late publish does not bring a revoked device back, whether it was known before or not', async () => {
    const never = owner();
    for (const gone of [bob, never]) {
      await world.revoke(gone);
      await eventually(async () =>
        expect((await refusalOf(publish(world, gone, firstPrekeys(gone, 1, { epoch: 1 }), 1))).details).toEqual({
          reason: 'device_revoked',
        }),
      );
      expect((await refusalOf(publish(world, gone, [], 1))).details).toEqual({ reason: 'device_revoked' });
      expect((await claim(world, alice, gone)).missing).toEqual([reference(gone)]);
    }
  });

  it('an added device changes nothing', async () => {
    await world.revoke({ user_id: alice.user_id, device: 'dev_aaaaaaaaaaaaaaaa' });
    await eventually(async () => expect(await world.rowsNaming('dev_aaaaaaaaaaaaaaaa')).toBe(1));
    expect(await unknownTo(bob, alice)).toEqual([]);
  });

  it('[DCP-12.3-07] carries a revocation out later when the database is away', async () => {
    await world.postgres.kill();
    await world.revoke(bob);
    await refusalOf(claim(world, alice, bob));
    await world.postgres.restart();
    await eventually(async () => expect((await claim(world, alice, bob)).missing).toEqual([reference(bob)]));
  });

  it('[DCP-4.3-04] a removed account leaves no row that names it, also not with others', async () => {
    await claim(world, alice, bob);
    await claim(world, bob, alice);
    const kept = message(bob);
    await send(world, owner(), kept);
    await send(world, alice, message(bob), message(alice), message(bob));
    await send(world, bob, message(alice), message(bob));
    await acknowledge(world, bob, 2);
    const retired = await reachable(world, 0, { user_id: alice.user_id });
    await world.revoke(retired);
    await eventually(async () => expect(await unknownTo(bob, retired)).toHaveLength(1));
    const records = [{ id: 'a', month: '2026-01', body: 'AAAA' }];
    await world.bus.request(KEYS.putBackup, { session: alice.session, records });
    await world.bus.request(KEYS.putBackup, { session: bob.session, records });
    expect((await forget(alice.user_id)).deleted).toBeGreaterThan(0);
    expect(await world.rowsNaming(alice.user_id)).toBe(0);
    expect(await world.rowsNaming(alice.device)).toBe(0);
    expect(await forget(alice.user_id)).toEqual({ deleted: 0 });
    const left = await fetch(world, bob);
    expect(left.items.map(({ from_user }) => from_user)).toEqual([bob.user_id]);
    expect(await acknowledge(world, bob, 100)).toBe(0);
    const { rows } = await world.admin.query<{ items: number; bytes: string }>('select items, bytes from keys.queues');
    expect(rows).toEqual([{ items: 0, bytes: '0' }]);
    expect((await world.bus.request(KEYS.backup, { session: bob.session })).records).toEqual(records);
  });

  it('gives up what nobody fetched for thirty days, and nothing younger', async () => {
    await send(world, alice, message(bob), message(bob));
    world.clock.advance(29 * DAY);
    await send(world, alice, message(bob));
    world.clock.advance(DAY);
    await eventually(async () => expect((await fetch(world, bob)).items.map(({ seq }) => seq)).toEqual([3]));
    await send(world, alice, message(bob));
    expect((await fetch(world, bob, 3)).items.map(({ seq }) => seq)).toEqual([4]);
    expect(await acknowledge(world, bob, 3)).toBe(1);
  });

  it('removes counters, what was taken and what was handed out once they mean nothing any more', async () => {
    await claim(world, alice, bob);
    await send(world, alice, message(bob));
    await acknowledge(world, bob, 1);
    expect([await world.count('claim_counts'), await world.count('taken_items')]).toEqual([1, 1]);
    world.clock.advance(3_600_000);
    await eventually(async () => expect(await world.count('claim_counts')).toBe(0));
    expect(await world.count('taken_items')).toBe(1);
    world.clock.advance(DAY);
    await eventually(async () => expect(await world.count('taken_items')).toBe(0));
    expect(await world.count('prekeys')).toBe(16);
    world.clock.advance(30 * DAY);
    await eventually(async () => expect(await world.count('prekeys')).toBe(14));
  });
});
