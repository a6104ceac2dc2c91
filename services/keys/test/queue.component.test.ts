import { toBase64 } from '@dcp/crypto';
import type { DeviceReference, KeyMessage } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { acknowledge, fetch, message, owner, type Owner, reachable, reference, send } from './support/owner.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

const SMALL = { DCP_MAX_QUEUE_ITEMS: '100', DCP_MAX_QUEUE_BYTES: '1000000' };
const NOBODY = { unknown: [], full: [] };

describe.each(BOTH_BUSES)('device queues over the %s bus', (kind) => {
  let world: World;
  let alice: Owner;
  let bob: Owner;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start({ env: SMALL });
    await world.start({ env: SMALL });
  });
  beforeEach(async () => {
    [alice, bob] = [owner(), await reachable(world)];
    world.queued.length = 0;
  });
  afterAll(() => world.close());

  const seqs = async (of = bob) => (await fetch(world, of)).items.map(({ seq }) => seq);
  const body = (length: number) => 'A'.repeat(length);

  it('[DCP-12.3-06] keeps what one device sends another until it comes back, in order', async () => {
    const laptop = await reachable(world, 0, { user_id: alice.user_id });
    const messages = [message(laptop), message(bob), message(laptop)];
    expect(await send(world, alice, ...messages)).toEqual(NOBODY);
    const { items, has_more } = await fetch(world, laptop);
    const expected = (sent: KeyMessage | undefined, seq: number) => ({
      seq,
      id: sent?.id,
      from_user: alice.user_id,
      from_device: alice.device,
      received_at: new Date(world.clock.now()).toISOString(),
      body: sent?.body,
    });
    expect(items).toEqual([expected(messages[0], 1), expected(messages[2], 2)]);
    expect(has_more).toBe(false);
    expect(await seqs()).toEqual([1]);
    await eventually(() => expect(world.queued).toHaveLength(1));
    expect(world.queued[0]?.devices).toEqual(
      expect.arrayContaining([
        { ...reference(laptop), head: 2 },
        { ...reference(bob), head: 1 },
      ]),
    );
  });

  it('delivers once what is sent again, before and after it was taken', async () => {
    const [first, second] = [message(bob), message(bob)];
    await send(world, alice, first, first, second);
    await send(world, alice, first, second);
    expect(await seqs()).toEqual([1, 2]);
    await eventually(() => expect(world.queued).toHaveLength(2));
    expect(await acknowledge(world, bob, 1)).toBe(1);
    await send(world, alice, first);
    expect(await seqs()).toEqual([2]);
    expect(await world.rowsNaming(first.body)).toBe(0);
    // Another sender may use the same id.
    await send(world, owner(), { ...first, body: body(8) });
    expect(await seqs()).toEqual([2, 3]);
  });

  it('numbers without gaps and delivers once, though retries race on two replicas', async () => {
    const others = await Promise.all([reachable(world), reachable(world)]);
    const batches = Array.from({ length: 10 }, () => [message(bob), ...others.map((other) => message(other))]);
    const shuffled = batches.map((batch, at) => (at % 2 === 0 ? batch : batch.toReversed()));
    await Promise.all([...shuffled, ...shuffled].map((batch) => send(world, alice, ...batch)));
    const expected = Array.from({ length: 10 }, (_, at) => at + 1);
    for (const each of [bob, ...others]) expect(await seqs(each)).toEqual(expected);
    const ids = (await fetch(world, bob)).items.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(batches.map((batch) => batch[0]?.id).toSorted());
  });

  it('bounds a page by number and by bytes, and goes on where it ended', async () => {
    for (const _ of [1, 2])
      await send(world, alice, ...Array.from({ length: 8 }, () => message(bob, { body: body(60_000) })));
    const first = await fetch(world, bob);
    expect(first.items.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(first.has_more).toBe(true);
    const second = await fetch(world, bob, 8);
    expect(second.items.map(({ seq }) => seq)).toEqual([9, 10, 11, 12, 13, 14, 15, 16]);
    expect(second.has_more).toBe(false);
    expect(await fetch(world, bob, 2, 3)).toMatchObject({
      items: [{ seq: 3 }, { seq: 4 }, { seq: 5 }],
      has_more: true,
    });
    expect(await fetch(world, bob, 16)).toEqual({ items: [], has_more: false });
    expect(await fetch(world, bob, Number.MAX_SAFE_INTEGER)).toEqual({ items: [], has_more: false });
  });

  it('an acknowledgement takes all up to its number away, and may be repeated', async () => {
    await send(world, alice, ...Array.from({ length: 5 }, () => message(bob)));
    expect(await acknowledge(world, bob, 3)).toBe(2);
    expect(await acknowledge(world, bob, 3)).toBe(2);
    expect(await seqs()).toEqual([4, 5]);
    expect(await acknowledge(world, bob, 1_000_000)).toBe(0);
    await send(world, alice, message(bob));
    expect(await seqs()).toEqual([6]);
    expect(await acknowledge(world, owner(), 1)).toBe(0);
  });

  it('refuses for a full queue only, keeps the order, and takes more once there is room', async () => {
    const other = await reachable(world);
    await send(world, alice, ...Array.from({ length: 49 }, () => message(bob)));
    await send(world, alice, ...Array.from({ length: 50 }, () => message(bob)));
    const last = [message(bob), message(bob), message(other), message(bob)];
    expect(await send(world, alice, ...last)).toEqual({ unknown: [], full: [reference(bob)] });
    expect((await fetch(world, other)).items).toHaveLength(1);
    expect((await fetch(world, bob, 98)).items.map(({ seq, id }) => [seq, id])).toEqual([
      [99, expect.any(String)],
      [100, last[0]?.id],
    ]);
    await acknowledge(world, bob, 50);
    expect(await send(world, alice, ...last)).toEqual(NOBODY);
    expect((await fetch(world, bob, 99)).items.map(({ id }) => id)).toEqual(
      [last[0], last[1], last[3]].map((it) => it?.id),
    );
  });

  it('counts the bytes of a queue, too', async () => {
    const big = () => Array.from({ length: 8 }, () => message(bob, { body: body(60_000) }));
    expect(await send(world, alice, ...big())).toEqual(NOBODY);
    expect(await send(world, alice, ...big())).toEqual(NOBODY);
    // 40,000 are left; the small one comes after one that was refused, so it waits as well.
    expect(await send(world, alice, message(bob, { body: body(60_000) }), message(bob))).toMatchObject({
      full: [reference(bob)],
    });
    expect(await send(world, alice, message(bob))).toEqual(NOBODY);
    await acknowledge(world, bob, 16);
    expect(await send(world, alice, ...big())).toEqual(NOBODY);
  });

  it('knows a device once it has published prekeys', async () => {
    const silent = owner();
    expect(await send(world, alice, message(silent), message(bob), message(silent))).toEqual({
      unknown: [reference(silent)],
      full: [],
    });
    expect(await seqs(silent)).toEqual([]);
    expect(await seqs()).toEqual([1]);
  });

  it('asks senders and readers for a device', async () => {
    const literal = owner({ session: { device: null } });
    const asked = [send(world, literal, message(bob)), fetch(world, literal), acknowledge(world, literal, 1)];
    for (const refusal of await Promise.all(asked.map((answer) => refusalOf(answer))))
      expect(refusal.details).toMatchObject({ reason: 'device_required' });
  });

  it('refuses malformed messages and more than one bus message holds', async () => {
    const good = message(bob);
    const cases: [string, unknown][] = [
      ['an id with spaces', { ...good, id: 'a b c d e f' }],
      ['a short id', { ...good, id: 'abc' }],
      ['a body that is no base64', { ...good, body: 'böse' }],
      ['a body beyond the limit', { ...good, body: body(60_001) }],
      ['no device', { ...good, device: "dev_'" }],
      ['no object', 'x'],
    ];
    for (const [what, value] of cases) {
      const { code } = await refusalOf(send(world, alice, value));
      expect({ what, code }).toEqual({ what, code: 'INVALID_MESSAGE_FORMAT' });
    }
    expect((await refusalOf(send(world, alice))).code).toBe('INVALID_MESSAGE_FORMAT');
    const many = Array.from({ length: 65 }, () => message(bob));
    expect((await refusalOf(send(world, alice, ...many))).code).toBe('INVALID_MESSAGE_FORMAT');
    const large = Array.from({ length: 9 }, () => message(bob, { body: body(60_000) }));
    expect(await refusalOf(send(world, alice, ...large))).toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      details: { max_size: 524_288 },
    });
    expect((await refusalOf(fetch(world, bob, -1))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await refusalOf(fetch(world, bob, 0, 65))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await refusalOf(acknowledge(world, bob, 1e300))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect(await seqs()).toEqual([]);
  });

  it('shows each device its own queue only', async () => {
    await send(world, alice, message(bob));
    const sibling = await reachable(world, 0, { user_id: bob.user_id });
    expect(await seqs(sibling)).toEqual([]);
    expect(await acknowledge(world, sibling, 1)).toBe(0);
    expect(await seqs()).toEqual([1]);
  });

  it('keeps accounts of what waits that agree with what waits', async () => {
    const targets: DeviceReference[] = [bob, await reachable(world)];
    for (let round = 1; round < 5; round++)
      await Promise.all([
        send(world, alice, ...targets.map((to) => message(to, { body: toBase64(new Uint8Array(30 + round)) }))),
        acknowledge(world, bob, round),
      ]);
    const { rows } = await world.admin.query(
      `select user_id from keys.queues q left join (
         select user_id, device, count(*)::int as n, sum(octet_length(body)) as size from keys.queue_items group by 1, 2
       ) i using (user_id, device) where q.items <> coalesce(i.n, 0) or q.bytes <> coalesce(i.size, 0)`,
    );
    expect(rows).toEqual([]);
  });
});
