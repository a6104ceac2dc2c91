import { AUTH, PEER } from '@dcp/contracts';
import type { DeviceEntry } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bridge, bridge } from './support/bridge.js';
import { addition, keyPair, newDevice, type Person, resident, revocation, sessionFor } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('users of other nodes over the %s bus', (kind) => {
  let here: World;
  let there: World;
  let link: Bridge;
  let bob: Person;
  let log: DeviceEntry[];

  beforeAll(async () => {
    [here, there] = [await World.open(kind), await World.open(kind)];
    await Promise.all([here.start(), here.start(), there.start()]);
    link = bridge(here, there);
    await here.federationBus.flush();
  });
  beforeEach(async () => {
    Object.assign(link, { asked: [], away: false, lie: undefined });
    bob = await resident(there);
    log = [];
    await append(addition(bob, undefined, newDevice()));
  });
  afterAll(async () => {
    link.subscription.unsubscribe();
    await Promise.all([here.close(), there.close()]);
  });

  async function append(entry: DeviceEntry): Promise<void> {
    const session = await sessionFor(there, bob);
    await there.bus.request(AUTH.appendDevice, { session, entry: entry as unknown as Record<string, unknown> });
    log.push(entry);
  }
  const logs = async (...users: { user_id: string; after?: number }[]) =>
    (await here.bus.request(AUTH.deviceLogs, { users })).logs;
  const tell = (user_id = bob.userId, node_id = there.nodeId) =>
    here.federationBus.request(PEER.devices_changed, {
      peer: { node_id, trust: 'trusted' },
      body: { user_id, seq: 9, hash: '' },
    });

  it('[DCP-10.2-04] are shown as their node shows them: profile and device log', async () => {
    const profile = await here.bus.request(AUTH.profile, { user_id: bob.userId });
    expect(profile).toEqual(await there.bus.request(AUTH.profile, { user_id: bob.userId }));
    expect(await logs({ user_id: bob.userId })).toEqual([
      { user_id: bob.userId, public_key: bob.key.publicKey, entries: log, has_more: false },
    ]);
    expect((await here.bus.request(AUTH.devices, { user_id: bob.userId })).entries).toEqual(log);
    expect(await logs({ user_id: bob.userId, after: 1 })).toMatchObject([{ entries: [] }]);
  });

  it('[DCP-10.2-04] [DCP-14.2-09] [DCP-14.2-10] unknown ones and those of unknown nodes are told apart', async () => {
    const lookup = (user_id: string) => refusalOf(here.bus.request(AUTH.profile, { user_id }));
    expect(await lookup(`${there.nodeId}.nobody-here`)).toMatchObject({ code: 'USER_NOT_FOUND' });
    expect(await lookup('zzzzzzzz.nobody-here')).toMatchObject({ code: 'NODE_UNREACHABLE' });
    expect(await logs({ user_id: `${there.nodeId}.nobody-here` }, { user_id: 'zzzzzzzz.nobody-here' })).toEqual([]);
  });

  it('[DCP-4.1-06] take DMs or do not, as they have told their node', async () => {
    const settings = (user_id: string) => here.bus.request(AUTH.settings, { user_id });
    expect(await settings(bob.userId)).toMatchObject({ allow_direct_messages: true, blocked_users: [] });
    const shy = await resident(there, { file: { preferences: { privacy: { allow_direct_messages: false } } } });
    expect(await settings(shy.userId)).toMatchObject({ allow_direct_messages: false });
    expect(await refusalOf(settings(`${there.nodeId}.nobody-here`))).toMatchObject({ code: 'USER_NOT_FOUND' });
  });

  it('come in the order asked, among users of this node, and a node answers for its own users only', async () => {
    const alice = await resident(here);
    const asked = [{ user_id: bob.userId }, { user_id: alice.userId }];
    expect((await logs(...asked)).map(({ user_id }) => user_id)).toEqual([bob.userId, alice.userId]);
    const call = { peer: { node_id: there.nodeId, trust: 'trusted' as const }, body: { users: asked } };
    const answer = await here.federationBus.request(PEER.device_logs, call);
    expect(answer.logs.map(({ user_id }) => user_id)).toEqual([alice.userId]);
  });

  it('are asked for once in a while, and known while their node is away', async () => {
    await logs({ user_id: bob.userId });
    await logs({ user_id: bob.userId });
    expect(link.asked).toEqual(['device_logs']);
    here.clock.advance(61_000);
    link.away = true;
    expect(await logs({ user_id: bob.userId })).toMatchObject([{ entries: log }]);
    // Nobody waits for it again and again: each of the two instances has asked once.
    link.asked = [];
    for (let i = 0; i < 8; i++) expect(await logs({ user_id: bob.userId })).toMatchObject([{ entries: log }]);
    expect(link.asked.length).toBeLessThanOrEqual(1);
    link.away = false;
    here.clock.advance(11_000);
    await append(addition(bob, log[0], newDevice()));
    expect(await logs({ user_id: bob.userId })).toMatchObject([{ entries: log }]);
  });

  it('[DCP-12.3-07] a device that was added or revoked there is known here as soon as its node says so', async () => {
    await logs({ user_id: bob.userId });
    here.devicesChanged.length = 0;
    await append(addition(bob, log[0], newDevice()));
    await append(revocation(bob, log[1] as DeviceEntry, (log[0] as DeviceEntry).device));
    expect(await refusalOf(tell(bob.userId, here.nodeId))).toMatchObject({ code: 'FEDERATION_ERROR' });
    await tell();
    expect(await logs({ user_id: bob.userId })).toMatchObject([{ entries: log }]);
    await eventually(() =>
      expect(here.devicesChanged.map(({ user_id, seq, action }) => [user_id, seq, action])).toEqual([
        [bob.userId, 3, 'add'],
        [bob.userId, 3, 'revoke'],
      ]),
    );
  });

  it('[DCP-12.3-05] a log that its node has forged, shortened or rewritten is not taken', async () => {
    await append(addition(bob, log[0], newDevice()));
    const [first, second] = log as [DeviceEntry, DeviceEntry];
    const mallory = { ...bob, key: keyPair() };
    const forged = addition(mallory, first, newDevice());
    const lies: unknown[][] = [
      [second],
      [first, forged],
      [first, { ...second, prev: null }],
      [{ ...first, name: 'x' }],
      ['no entry'],
    ];
    for (const entries of lies) {
      link.lie = (_kind, _body, honest) => ({ logs: (honest['logs'] as object[]).map((one) => ({ ...one, entries })) });
      expect(await logs({ user_id: bob.userId })).toEqual([]);
    }
    link.lie = undefined;
    expect(await logs({ user_id: bob.userId })).toMatchObject([{ entries: log }]);
    here.clock.advance(61_000);
    const other = addition(mallory, undefined, newDevice());
    link.lie = () => ({ logs: [{ user_id: bob.userId, public_key: mallory.key.publicKey, entries: [other] }] });
    expect(await logs({ user_id: bob.userId })).toMatchObject([{ public_key: bob.key.publicKey, entries: log }]);
  });

  it('answers that are none, too large or about somebody else change nothing', async () => {
    for (const answer of [
      {},
      { logs: 7 },
      { logs: [{ user_id: 'x' }] },
      { logs: Array(51).fill({ user_id: bob.userId }) },
    ]) {
      link.lie = () => answer;
      expect(await logs({ user_id: bob.userId })).toEqual([]);
    }
    for (const answer of [{}, { user_id: 'zzzzzzzz.someone', public_key: 'x' }]) {
      link.lie = () => answer;
      expect((await refusalOf(here.bus.request(AUTH.profile, { user_id: bob.userId }))).code).toMatch(
        /FEDERATION_ERROR|INVALID_MESSAGE_FORMAT/,
      );
    }
  });
});
