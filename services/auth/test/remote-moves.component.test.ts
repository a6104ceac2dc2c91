import { AUTH, PEER } from '@dcp/contracts';
import { MOVE_FORWARD_MS, type MovedTo } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bridge, bridge } from './support/bridge.js';
import { accountElsewhere, moveRecord, postMove } from './support/move.js';
import { addDevice, keyPair, type Person, resident, sessionFor } from './support/person.js';
import { BOTH_BUSES, World } from './support/world.js';

const MINUTE = 60_000;

describe.each(BOTH_BUSES)('a user of another node who moves, over the %s bus', (kind) => {
  let here: World;
  let there: World;
  let link: Bridge;
  let anna: Person;
  let record: MovedTo;
  let next: ReturnType<typeof accountElsewhere>;

  beforeAll(async () => {
    [here, there] = [await World.open(kind), await World.open(kind)];
    await Promise.all([here.start(), here.start(), there.start()]);
    link = bridge(here, there);
    await here.federationBus.flush();
  });
  beforeEach(async () => {
    next = accountElsewhere();
    Object.assign(link, { asked: [], away: false, lie: undefined });
    here.moved.length = 0;
    anna = await resident(there);
    await addDevice(there, anna, await sessionFor(there, anna));
    record = moveRecord(there, anna, next);
  });
  afterAll(async () => {
    link.subscription.unsubscribe();
    await Promise.all([here.close(), there.close()]);
  });

  const user = () => ({ user_id: anna.userId });
  const log = async () => (await here.bus.request(AUTH.deviceLogs, { users: [user()] })).logs[0];
  const settings = () => here.bus.request(AUTH.settings, user());
  const tell = () =>
    here.federationBus.request(PEER.devices_changed, {
      peer: { node_id: there.nodeId, trust: 'trusted' },
      body: { ...user(), seq: 1, hash: '' },
    });

  it('is known to have moved as soon as his node says that there is something to read', async () => {
    expect(await log()).not.toHaveProperty('moved_to');
    await here.bus.request(AUTH.profile, user());
    await postMove(there, anna, record);
    expect(await log()).not.toHaveProperty('moved_to');
    await tell();
    await eventually(() => expect(here.moved).toEqual([{ ...user(), moved_to: record }]));
    expect(await log()).toMatchObject({ moved_to: record });
    expect(await here.bus.request(AUTH.profile, user())).toMatchObject({ moved_to: record });
    expect(await settings()).toMatchObject({ allow_direct_messages: false, moved_to: record });
  });

  it('is known to have moved when he is first asked for, and told once', async () => {
    await postMove(there, anna, record);
    expect(await settings()).toMatchObject({ moved_to: record });
    here.clock.advance(2 * MINUTE);
    expect(await log()).toMatchObject({ moved_to: record });
    await eventually(() => expect(here.moved).toHaveLength(1));
  });

  it('is known to have moved as soon as any answer of his node says so, told or not', async () => {
    await log();
    await postMove(there, anna, record);
    expect(await log()).not.toHaveProperty('moved_to');
    expect(await settings()).toMatchObject({ allow_direct_messages: false, moved_to: record });
    const other = await resident(there);
    const profile = () => here.bus.request(AUTH.profile, { user_id: other.userId });
    await here.bus.request(AUTH.deviceLogs, { users: [{ user_id: other.userId }] });
    const others = moveRecord(there, other, next);
    await postMove(there, other, others);
    expect(await profile()).toMatchObject({ moved_to: others });
  });

  it('leads on while his old node is away, and when it says no more of it', async () => {
    await postMove(there, anna, record);
    await log();
    here.clock.advance(2 * MINUTE);
    link.lie = (_kind, _body, { logs }) => {
      return { logs: (logs as object[] | undefined)?.map((one) => ({ ...one, moved_to: undefined })), allow: true };
    };
    expect(await log()).toMatchObject({ moved_to: record });
    here.clock.advance(2 * MINUTE);
    link.away = true;
    expect(await settings()).toMatchObject({ allow_direct_messages: false, moved_to: record });
  });

  it('[DCP-12.3-05] has not moved when only his node says so', async () => {
    const mallory = { userId: next.userId, key: keyPair() };
    const forged = [
      moveRecord(here, anna, mallory, { by: mallory }),
      moveRecord(here, anna, next, { accepting: mallory }),
      { ...record, to: 'elsewher.mallory' },
      moveRecord(here, anna, next, { issued: here.clock.now() - MOVE_FORWARD_MS }),
      moveRecord(here, await resident(there), next),
      7,
    ];
    for (const moved_to of forged) {
      link.lie = (kind, _body, honest) => {
        if (kind !== 'device_logs') return { ...honest, moved_to };
        return { logs: (honest['logs'] as object[]).map((one) => ({ ...one, moved_to })) };
      };
      here.clock.advance(2 * MINUTE);
      expect(await log()).not.toHaveProperty('moved_to');
      expect(await settings()).toMatchObject({ allow_direct_messages: true });
      expect(await here.bus.request(AUTH.profile, user())).not.toHaveProperty('moved_to');
    }
    expect(here.moved).toEqual([]);
  });

  it('a later word takes the place of an earlier one, never the other way round', async () => {
    const other = { userId: 'third000.anna-p6q8', key: keyPair() };
    const later = moveRecord(there, anna, other, { issued: there.clock.now() + 1 });
    for (const said of [record, later, record]) {
      link.lie = (_kind, _body, honest) => ({
        logs: ((honest['logs'] ?? []) as object[]).map((one) => ({ ...one, moved_to: said })),
      });
      await log();
      here.clock.advance(2 * MINUTE);
    }
    expect(await log()).toMatchObject({ moved_to: later });
    await eventually(() => expect(here.moved.map(({ moved_to }) => moved_to)).toEqual([record, later]));
  });

  it('nobody is led after 90 days', async () => {
    await postMove(there, anna, record);
    expect(await log()).toMatchObject({ moved_to: record });
    const end = Date.parse(record.issued) + MOVE_FORWARD_MS;
    link.away = true;
    here.clock.advance(end - here.clock.now());
    expect(await log()).not.toHaveProperty('moved_to');
  });
});
