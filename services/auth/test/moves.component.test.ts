import { AUTH, PEER } from '@dcp/contracts';
import { MOVE_FORWARD_MS } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { accountElsewhere, moveRecord, postMove } from './support/move.js';
import { addDevice, keyPair, login, person, type Person, register, resident, sessionFor } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

const DAY = 86_400_000;

describe.each(BOTH_BUSES)('an account that moves, over the %s bus', (kind) => {
  let world: World;
  let anna: Person;
  let next: ReturnType<typeof accountElsewhere>;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(async () => {
    next = accountElsewhere();
    await world.reset();
    await world.start({ env: { DCP_SWEEP_MS: '50' } });
    await world.start({ env: { DCP_SWEEP_MS: '50' } });
    await resident(world);
    anna = await resident(world);
  });
  afterAll(() => world.close());

  const peer = { node_id: 'elsewher', trust: 'trusted' as const };
  const shown = async () => {
    const user = { user_id: anna.userId };
    const [profile, settings, { logs }, lookup, dms, peerLogs] = await Promise.all([
      world.bus.request(AUTH.profile, user),
      world.bus.request(AUTH.settings, user),
      world.bus.request(AUTH.deviceLogs, { users: [user] }),
      world.federationBus.request(PEER.user_lookup, { peer, body: user }),
      world.federationBus.request(PEER.direct_messages, { peer, body: user }),
      world.federationBus.request(PEER.device_logs, { peer, body: { users: [user] } }),
    ]);
    return {
      records: [profile, settings, logs[0], lookup, dms, peerLogs.logs[0]].map((one) => one?.moved_to),
      allow: [settings.allow_direct_messages, dms.allow],
    };
  };

  it('is shown with the record to whoever asks, here and at other nodes, and takes no new DMs', async () => {
    expect(await shown()).toEqual({ records: Array(6).fill(undefined), allow: [true, true] });
    const record = moveRecord(world, anna, next);
    const { until, moved_to } = await postMove(world, anna, record);
    expect(moved_to).toEqual(record);
    expect(Date.parse(until)).toBe(world.clock.now() + MOVE_FORWARD_MS);
    expect(await shown()).toEqual({ records: Array(6).fill(record), allow: [false, false] });
  });

  it('is told to the gateways, and to whoever has its device log', async () => {
    const device = await addDevice(world, anna, await sessionFor(world, anna));
    const record = moveRecord(world, anna, next);
    await postMove(world, anna, record);
    await eventually(() => expect(world.moved).toEqual([{ user_id: anna.userId, moved_to: record }]));
    await eventually(() =>
      expect(world.devicesChanged.map(({ action, seq, device: id }) => [action, seq, id])).toEqual([
        ['add', 1, device.id],
        ['move', 1, ''],
      ]),
    );
    // What was lost is told again.
    await postMove(world, anna, record);
    await eventually(() => expect(world.moved).toHaveLength(2));
  });

  it('is logged in to as before, to fetch what is left', async () => {
    await postMove(world, anna, moveRecord(world, anna, next));
    world.clock.advance(89 * DAY);
    expect(await login(world, anna)).toMatchObject({ user_id: anna.userId });
    expect((await shown()).records).not.toContain(undefined);
  });

  it('needs the old key, the consent of the new one, a session of its own and a word of today', async () => {
    const eve = await resident(world);
    const fault = async (record: object, who = anna) => {
      const { code, details } = await refusalOf(postMove(world, who, record));
      return `${code} ${String(details['reason'])}`;
    };
    expect(await fault(moveRecord(world, anna, next), eve)).toBe('INSUFFICIENT_PERMISSIONS foreign_account');
    expect(await fault(moveRecord(world, anna, next, { by: eve }))).toBe('INVALID_MESSAGE_FORMAT bad_signature');
    expect(await fault(moveRecord(world, anna, next, { by: next }))).toBe('INVALID_MESSAGE_FORMAT bad_signature');
    expect(await fault(moveRecord(world, anna, next, { accepting: anna }))).toBe('INVALID_MESSAGE_FORMAT no_consent');
    expect(await fault({ ...moveRecord(world, anna, next), to: 'elsewher.mallory' })).toMatch('bad_signature');
    expect(await fault(moveRecord(world, anna, eve))).toBe('INVALID_MESSAGE_FORMAT bad_record');
    expect(await fault(moveRecord(world, anna, anna))).toBe('INVALID_MESSAGE_FORMAT bad_record');
    expect(await fault({})).toBe('INVALID_MESSAGE_FORMAT bad_record');
    const now = world.clock.now();
    expect(await fault(moveRecord(world, anna, next, { issued: now - DAY - 1 }))).toMatch('signed_too_long_ago');
    expect(await fault(moveRecord(world, anna, next, { issued: now - MOVE_FORWARD_MS }))).toMatch('expired');
    expect(await fault(moveRecord(world, anna, next, { issued: now + DAY }))).toMatch('in_the_future');
    expect((await shown()).records).toEqual(Array(6).fill(undefined));
    expect(world.moved).toEqual([]);
  });

  it('goes where the last word says, which makes it live no longer', async () => {
    const other = { userId: 'third000.anna-p6q8', key: keyPair() };
    const [first, later] = [
      moveRecord(world, anna, next),
      moveRecord(world, anna, other, { issued: world.clock.now() + 1 }),
    ];
    const { until } = await postMove(world, anna, first);
    expect(await postMove(world, anna, later)).toEqual({ moved_to: later, until });
    expect(await refusalOf(postMove(world, anna, first))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'older_move' },
    });
    const again = moveRecord(world, anna, next, { issued: world.clock.now() + 1 });
    expect((await refusalOf(postMove(world, anna, again))).code).toBe('CONFLICT');
    expect((await shown()).records).toEqual(Array(6).fill(later));
  });

  it('two records at once, at two replicas: the later one holds', async () => {
    const records = [0, 1, 2, 3, 4].map((ms) => moveRecord(world, anna, next, { issued: world.clock.now() + ms }));
    await Promise.allSettled(records.map((record) => postMove(world, anna, record)));
    expect((await shown()).records).toEqual(Array(6).fill(records[4]));
  });

  it('[DCP-4.3-03] ends after 90 days as a temporary account does, and its name is never given out again', async () => {
    await addDevice(world, anna, await sessionFor(world, anna));
    await postMove(world, anna, moveRecord(world, anna, next));
    world.clock.advance(MOVE_FORWARD_MS);
    expect((await refusalOf(world.bus.request(AUTH.profile, { user_id: anna.userId }))).code).toBe('USER_NOT_FOUND');
    expect((await refusalOf(login(world, anna))).code).toBe('INVALID_CREDENTIALS');
    await eventually(async () => expect(await world.rowsNaming(anna.userId)).toBe(0));
    expect(world.forgotten).toContain(anna.userId);
    expect(world.forgottenKeys).toContain(anna.userId);
    const taken = { code: 'CONFLICT', details: { reason: 'username_taken' } };
    expect(await refusalOf(register(world, anna))).toMatchObject(taken);
    const namesake = person(world, { name: anna.userId.slice(9) });
    expect(await refusalOf(register(world, namesake))).toMatchObject(taken);
  });

  it('leaves its name behind, too, when its owner ends it sooner', async () => {
    await postMove(world, anna, moveRecord(world, anna, next));
    await world.bus.request(AUTH.removeAccount, { session: await sessionFor(world, anna) });
    expect(await world.rowsNaming(anna.userId)).toBe(0);
    expect((await refusalOf(register(world, anna))).code).toBe('CONFLICT');
    const other = await resident(world);
    await world.bus.request(AUTH.removeAccount, { session: await sessionFor(world, other) });
    expect(await register(world, other)).toMatchObject({ status: 'active' });
  });

  it('a temporary account that has moved ends when it was to end', async () => {
    const ghost = person(world, { file: { account_type: 'temporary' } });
    const { expires } = await register(world, ghost, { expires_in: 3_600 });
    const { until } = await postMove(world, ghost, moveRecord(world, ghost, next));
    expect(until).toBe(expires);
  });
});
