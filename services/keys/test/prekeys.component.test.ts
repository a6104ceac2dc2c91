import { KEYS } from '@dcp/contracts';
import { canonicalJson, MAX_ONE_TIME_PREKEYS, type Prekey } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  claim,
  firstPrekeys,
  keyFor,
  owner,
  type Owner,
  prekey,
  publish,
  reachable,
  reference,
} from './support/owner.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('prekeys over the %s bus', (kind) => {
  let world: World;
  let alice: Owner;
  let bob: Owner;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start();
    await world.start();
  });
  beforeEach(() => {
    [alice, bob] = [owner(), owner()];
    world.low.length = 0;
  });
  afterAll(() => world.close());

  const oneTimes = (from: number, count: number, changes: Partial<Prekey> = {}) =>
    Array.from({ length: count }, (_, at) => prekey(bob, 'one-time', from + at, changes));

  it('[DCP-6.3-02] hands a bundle of a device that is away to a stranger, as it was signed', async () => {
    const prekeys = firstPrekeys(bob, 2);
    expect(await publish(world, bob, prekeys)).toEqual({ epoch: 0, one_time: 2, kem: 2 });
    const { bundles, missing } = await claim(world, alice, bob, owner({ user_id: 'abcd1234.nobody' }));
    expect(bundles).toEqual([
      { ...reference(bob), epoch: 0, signed: prekeys[0], one_time: prekeys[2], kem: prekeys[3] },
    ]);
    expect(missing).toHaveLength(1);
    expect(await publish(world, bob, [])).toEqual({ epoch: 0, one_time: 1, kem: 1 });
  });

  it('[DCP-6.3-02] uses a one-time prekey once, also when two replicas are asked at the same time', async () => {
    await publish(world, bob, firstPrekeys(bob, 20));
    await publish(world, bob, oneTimes(21, 20));
    const claimers = Array.from({ length: 50 }, () => owner());
    const claims = await Promise.all(claimers.map((claimer) => claim(world, claimer, bob)));
    const handed = claims.flatMap(({ bundles }) => bundles.flatMap(({ one_time }) => one_time?.id ?? []));
    expect(new Set(handed).size).toBe(handed.length);
    // Those that another claimer holds are passed over, so nobody waits and nearly none is left.
    expect(handed.length).toBeGreaterThan(30);
    const kems = claims.flatMap(({ bundles }) => bundles.flatMap(({ kem }) => (kem?.kind === 'kem' ? kem.id : [])));
    expect(new Set(kems).size).toBe(kems.length);
    for (const { bundles } of claims) expect(bundles[0]?.kem).toBeDefined();
  });

  it('[DCP-6.3-02] goes on with what lasts when the stock is used up', async () => {
    const prekeys = firstPrekeys(bob, 1);
    await publish(world, bob, prekeys);
    await claim(world, alice, bob);
    const { bundles } = await claim(world, alice, bob);
    expect(bundles).toEqual([{ ...reference(bob), epoch: 0, signed: prekeys[0], kem: prekeys[1] }]);
  });

  it('[DCP-6.3-02] refuses prekeys of another device, badly signed ones, and what is no key', async () => {
    const other = owner({ user_id: bob.user_id });
    const good = prekey(bob, 'one-time', 1);
    const cases: [string, object, string, string][] = [
      ['of another user', prekey(alice, 'signed', 1), 'INSUFFICIENT_PERMISSIONS', ''],
      ['of another device', prekey(other, 'signed', 1), 'INSUFFICIENT_PERMISSIONS', ''],
      ['signed by another', prekey({ ...bob, seed: alice.seed }, 'signed', 1), 'INVALID_MESSAGE_FORMAT', 'signature'],
      ['altered', { ...good, id: 2 }, 'INVALID_MESSAGE_FORMAT', 'signature'],
      ['a member added', { ...good, note: 'x' }, 'INVALID_MESSAGE_FORMAT', 'signature'],
      ['another epoch', prekey(bob, 'signed', 1, { epoch: 1 }), 'INVALID_MESSAGE_FORMAT', 'epoch'],
      ['a key of the other kind', prekey(bob, 'kem', 1, { key: keyFor('signed') }), 'INVALID_MESSAGE_FORMAT', 'key'],
      ['a short key', prekey(bob, 'signed', 1, { key: 'x25519:AAAA' }), 'INVALID_MESSAGE_FORMAT', 'key'],
      ['a short KEM key', prekey(bob, 'kem', 1, { key: 'ml-kem-768:AAAA' }), 'INVALID_MESSAGE_FORMAT', 'key'],
      ['no id', prekey(bob, 'signed', 0), 'INVALID_MESSAGE_FORMAT', 'id'],
      ['no kind', { ...good, kind: 'forever' }, 'INVALID_MESSAGE_FORMAT', 'kind'],
      [
        'from the future',
        prekey(bob, 'signed', 1, { created: '2026-01-03T00:00:00Z' }),
        'INVALID_MESSAGE_FORMAT',
        'created',
      ],
    ];
    for (const [what, value, code, path] of cases) {
      const refusal = await refusalOf(publish(world, bob, [value]));
      const at = String(refusal.details['path'] ?? '').replace('prekeys.0.', '');
      expect({ what, code: refusal.code, path: at }).toEqual({ what, code, path });
    }
    const padded = prekey(bob, 'signed', 1, { padding: 'x'.repeat(4_000) } as Partial<Prekey>);
    expect((await refusalOf(publish(world, bob, [padded]))).code).toBe('MESSAGE_TOO_LARGE');
    expect((await refusalOf(publish(world, bob, oneTimes(1, 51)))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect(await world.rowsNaming(bob.user_id)).toBe(0);
  });

  it('asks for a device: the identity key as first device has no prekeys', async () => {
    const literal = owner({ session: { device: null } });
    const asked = [publish(world, literal, []), publish(world, literal, [prekey(literal, 'signed', 1)])];
    for (const refusal of await Promise.all(asked.map((answer) => refusalOf(answer))))
      expect(refusal).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'device_required' } });
  });

  it('takes the same prekeys again without effect, and never others under their names', async () => {
    const prekeys = firstPrekeys(bob, 3);
    await publish(world, bob, prekeys);
    expect(await publish(world, bob, prekeys)).toEqual({ epoch: 0, one_time: 3, kem: 3 });
    expect(await refusalOf(publish(world, bob, [prekey(bob, 'one-time', 2), prekey(bob, 'kem', 9)]))).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'prekey_differs', kind: 'one-time', id: 2 },
    });
    const twice = prekey(bob, 'one-time', 4);
    expect(await publish(world, bob, [twice, twice])).toEqual({ epoch: 0, one_time: 4, kem: 3 });
    expect((await refusalOf(publish(world, bob, [prekey(bob, 'kem', 5), prekey(bob, 'kem', 5)]))).code).toBe(
      'CONFLICT',
    );
  });

  it('[DCP-6.3-02] does not hand out again what is published again after it was handed out', async () => {
    const prekeys = firstPrekeys(bob, 1);
    await publish(world, bob, prekeys);
    expect((await claim(world, alice, bob)).bundles[0]?.one_time).toEqual(prekeys[2]);
    expect(await publish(world, bob, prekeys)).toEqual({ epoch: 0, one_time: 0, kem: 0 });
    expect((await claim(world, alice, bob)).bundles[0]).not.toHaveProperty('one_time');
    expect(await world.rowsNaming(prekeys[2]?.key ?? '')).toBe(0);
  });

  it('publishing together on two replicas keeps each prekey once', async () => {
    const prekeys = firstPrekeys(bob, 4);
    const stocks = await Promise.all(Array.from({ length: 8 }, () => publish(world, bob, prekeys)));
    for (const stock of stocks) expect(stock).toEqual({ epoch: 0, one_time: 4, kem: 4 });
  });

  it('a higher epoch voids all that was there, a lower one is told the epoch', async () => {
    await publish(world, bob, firstPrekeys(bob, 3));
    const signed = prekey(bob, 'signed', 1, { epoch: 2 });
    expect(await publish(world, bob, [signed], 2)).toEqual({ epoch: 2, one_time: 0, kem: 0 });
    expect((await claim(world, alice, bob)).bundles).toEqual([{ ...reference(bob), epoch: 2, signed }]);
    for (const late of [oneTimes(9, 1, { epoch: 1 }), []])
      expect(await refusalOf(publish(world, bob, late, 1))).toMatchObject({
        code: 'CONFLICT',
        details: { reason: 'old_epoch', epoch: 2 },
      });
    expect(await publish(world, bob, [], 3)).toEqual({ epoch: 3, one_time: 0, kem: 0 });
    expect((await claim(world, alice, bob)).missing).toEqual([reference(bob)]);
  });

  it('nobody is handed a mixture of two epochs while one replaces the other', async () => {
    const claims = [];
    for (let epoch = 0; epoch < 6; epoch++) {
      const publishing = publish(world, bob, firstPrekeys(bob, 5, { epoch }), epoch);
      claims.push(...Array.from({ length: 6 }, () => claim(world, owner(), bob)));
      await publishing;
    }
    for (const { bundles } of await Promise.all(claims)) {
      for (const { epoch, signed, one_time, kem } of bundles)
        for (const part of [signed, one_time, kem]) expect(part?.epoch ?? epoch).toBe(epoch);
    }
  });

  it('hands out the newest of what lasts and keeps the one before', async () => {
    const weeks = ['2025-12-01', '2025-12-08', '2025-12-15'].map((day, at) =>
      prekey(bob, 'signed', at + 1, { created: `${day}T00:00:00Z` }),
    );
    for (const week of [weeks[2], weeks[0], weeks[1]]) await publish(world, bob, [week]);
    expect((await claim(world, alice, bob)).bundles[0]?.signed).toEqual(weeks[2]);
    expect(await world.rowsNaming(bob.device)).toBe(5);
    expect(await world.rowsNaming(weeks[0]?.signature ?? '')).toBe(0);
  });

  it('keeps a bounded stock, and says when it is full', async () => {
    await publish(world, bob, [prekey(bob, 'signed', 1)]);
    for (let from = 1; from < MAX_ONE_TIME_PREKEYS; from += 50) await publish(world, bob, oneTimes(from, 50));
    expect(await refusalOf(publish(world, bob, oneTimes(MAX_ONE_TIME_PREKEYS + 1, 1)))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'stock_full', max: MAX_ONE_TIME_PREKEYS },
    });
    await publish(world, bob, [prekey(bob, 'signed', 2), prekey(bob, 'kem', 1)]);
  });

  it('whoever drains a stock gets what lasts, others go on, and an hour later he does too', async () => {
    await publish(world, bob, firstPrekeys(bob, 20));
    const second = owner({ user_id: alice.user_id });
    for (let i = 0; i < 5; i++)
      expect((await claim(world, i % 2 === 0 ? alice : second, bob)).bundles[0]?.one_time).toBeDefined();
    for (const drainer of [alice, second]) {
      const { bundles } = await claim(world, drainer, bob);
      expect(bundles[0]).not.toHaveProperty('one_time');
      expect(bundles[0]?.kem?.kind).toBe('kem-last-resort');
    }
    expect(await publish(world, bob, [])).toEqual({ epoch: 0, one_time: 15, kem: 15 });
    expect((await claim(world, owner(), bob)).bundles[0]?.one_time).toBeDefined();
    world.clock.advance(3_600_000);
    expect((await claim(world, alice, bob)).bundles[0]?.one_time).toBeDefined();
  });

  it('a claimer on two replicas at once gets no more than his share', async () => {
    await publish(world, bob, firstPrekeys(bob, 20));
    const claims = await Promise.all(Array.from({ length: 16 }, () => claim(world, alice, bob)));
    expect(claims.filter(({ bundles }) => bundles[0]?.one_time !== undefined)).toHaveLength(5);
  });

  it('tells a device whose stock runs low, and one without post-quantum keys nothing of those', async () => {
    await publish(world, bob, firstPrekeys(bob, 20));
    await claim(world, alice, bob);
    await eventually(() => expect(world.low).toEqual([{ ...reference(bob), epoch: 0, one_time: 19, kem: 19 }]));
    const plain = owner();
    const many = Array.from({ length: 25 }, (_, at) => prekey(plain, 'one-time', at + 1));
    await publish(world, plain, [prekey(plain, 'signed', 1), ...many]);
    await claim(world, alice, plain);
    await claim(world, alice, bob);
    await eventually(() => expect(world.low).toHaveLength(2));
    expect(world.low.map(({ device }) => device)).toEqual([bob.device, bob.device]);
  });

  it('answers for fifty devices, each once, and takes nothing from one that nobody can begin with', async () => {
    const devices = await Promise.all(Array.from({ length: 48 }, () => reachable(world, 1)));
    const half = owner();
    await publish(world, half, [prekey(half, 'one-time', 1)]);
    const { bundles, missing } = await claim(world, alice, ...devices, half, devices[0] as Owner);
    expect(bundles.map(reference)).toEqual(devices.map(reference));
    expect(missing).toEqual([reference(half)]);
    expect(await publish(world, half, [])).toMatchObject({ one_time: 1 });
    expect(canonicalJson(bundles).length).toBeLessThan(512 * 1024);
    const refusal = await refusalOf(claim(world, alice, ...devices, half, bob, alice));
    expect(refusal.code).toBe('INVALID_MESSAGE_FORMAT');
  });

  it('refuses what is no device', async () => {
    const devices = [{ user_id: "abcd1234.x'; drop table devices", device: bob.device }];
    const refusal = await refusalOf(world.bus.request(KEYS.claim, { session: alice.session, devices }));
    expect(refusal.code).toBe('INVALID_MESSAGE_FORMAT');
  });
});
