import { KEYS } from '@dcp/contracts';
import type { BackupPage, BackupRecord } from '@dcp/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { owner, type Owner } from './support/owner.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, World } from './support/world.js';

const SMALL = { DCP_MAX_BACKUP_RECORDS: '1000', DCP_MAX_BACKUP_BYTES: '2000000' };

describe.each(BOTH_BUSES)('the sealed backup over the %s bus', (kind) => {
  let world: World;
  let alice: Owner;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start({ env: SMALL });
    await world.start({ env: SMALL });
  });
  beforeEach(() => {
    alice = owner();
  });
  afterAll(() => world.close());

  const put = (records: unknown[], by = alice) =>
    world.bus.request(KEYS.putBackup, { session: by.session, records: records as BackupRecord[] });
  const read = (month?: string, after?: string, by = alice): Promise<BackupPage> =>
    world.bus.request(KEYS.backup, { session: by.session, month, after });
  const remove = (month?: string) => world.bus.request(KEYS.deleteBackup, { session: alice.session, month });
  const record = (id: string, month = '2026-01', body = 'AAAA'): BackupRecord => ({ id, month, body });
  const numbered = (count: number, size: number, from = 0) =>
    Array.from({ length: count }, (_, at) =>
      record(`m:${String(from + at).padStart(5, '0')}`, '2026-01', 'A'.repeat(size)),
    );

  it('[DCP-12.3-06] gives back to any device of the user what one of them kept, and to nobody else', async () => {
    const laptop = owner({ user_id: alice.user_id });
    const records = [record('keys', 'keys', 'c2VhbGVk'), record('a'), record('B', '2025-12')];
    expect(await put(records)).toEqual({ kept: [] });
    expect(await read(undefined, undefined, laptop)).toEqual({
      records: [records[2], records[1], records[0]],
      next: null,
    });
    expect(await read('2025-12')).toEqual({ records: [records[2]], next: null });
    expect(await read('keys')).toEqual({ records: [records[0]], next: null });
    expect(await read(undefined, undefined, owner())).toEqual({ records: [], next: null });
    const literal = owner({ user_id: alice.user_id, session: { device: null } });
    expect((await read(undefined, 'a', literal)).records).toEqual([records[0]]);
  });

  it('[DCP-12.3-06] gives the records that are named, as far as they are there and fit into one page', async () => {
    await put([record('a'), record('b', '2025-12'), record('c')]);
    const find = (ids: string[], by = alice) => world.bus.request(KEYS.backupRecords, { session: by.session, ids });
    expect(await find(['c', 'a', 'nothing'])).toEqual({ records: [record('a'), record('c')], next: null });
    expect(await find(['a'], owner())).toEqual({ records: [], next: null });
    for (const ids of [[], ['a b'], Array.from({ length: 65 }, (_, n) => `id${n}`)])
      expect(await refusalOf(find(ids))).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    const large = numbered(20, 60_000);
    for (let at = 0; at < 20; at += 5) await put(large.slice(at, at + 5));
    expect((await find(large.map(({ id }) => id))).records).toEqual(large.slice(0, 8));
  });

  it('keeps what is there, and says so where it differs', async () => {
    await put([record('keys', 'keys', 'AAAA'), record('a')]);
    const answer = await put([record('keys', 'keys', 'BBBB'), record('a'), record('b')]);
    expect(answer).toEqual({ kept: [record('keys', 'keys', 'AAAA')] });
    expect((await put([record('a', '2025-12')])).kept).toEqual([record('a')]);
    expect((await read()).records).toEqual([record('a'), record('b'), record('keys', 'keys', 'AAAA')]);
  });

  it('two devices that make the monthly key at the same time agree on one', async () => {
    const bodies = Array.from({ length: 10 }, (_, at) => `key${at}`);
    const answers = await Promise.all(bodies.map((body) => put([record('keys:2026-01', 'keys', body)])));
    const [winner] = (await read('keys')).records;
    const told = answers.map(({ kept }, at) => kept[0]?.body ?? bodies[at]);
    expect(new Set(told)).toEqual(new Set([winner?.body]));
  });

  it('reads in pages by number and by bytes, in the order of ids', async () => {
    for (let from = 0; from < 600; from += 100) await put(numbered(100, 4, from));
    const first = await read('2026-01');
    expect(first.records).toHaveLength(500);
    expect(first.next).toBe('m:00499');
    const rest = await read('2026-01', first.next ?? '');
    expect(rest.next).toBeNull();
    expect(rest.records.map(({ id }) => id)).toEqual(numbered(100, 4, 500).map(({ id }) => id));
    const bob = owner();
    for (let from = 0; from < 24; from += 8) await put(numbered(8, 65_536, from), bob);
    const seen: string[] = [];
    for (let after: string | null | undefined; after !== null;) {
      const page: BackupPage = await read(undefined, after ?? undefined, bob);
      expect(page.records).toHaveLength(8);
      seen.push(...page.records.map(({ id }) => id));
      after = page.next;
    }
    expect(seen).toEqual(numbered(24, 4).map(({ id }) => id));
  });

  it('deletes a month, or all, and has room again', async () => {
    for (let from = 0; from < 1_000; from += 100) await put(numbered(100, 4, from));
    expect(await refusalOf(put([record('z', '2026-02')]))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'backup_full', max_records: 1_000 },
    });
    // What is there may be sent again all the same.
    expect(await put(numbered(100, 4))).toEqual({ kept: [] });
    expect(await remove('2025-12')).toEqual({ deleted: 0 });
    expect(await remove('2026-01')).toEqual({ deleted: 1_000 });
    await put([record('z', '2026-02'), record('y', '2026-03')]);
    expect(await remove()).toEqual({ deleted: 2 });
    expect(await remove()).toEqual({ deleted: 0 });
    expect((await read()).records).toEqual([]);
  });

  it('bounds the bytes of an account', async () => {
    for (let from = 0; from < 24; from += 8) await put(numbered(8, 65_536, from));
    expect(await put(numbered(6, 65_536, 24))).toEqual({ kept: [] });
    expect((await refusalOf(put(numbered(1, 65_536, 30)))).details).toMatchObject({ reason: 'backup_full' });
    await put(numbered(1, 64, 30));
  });

  it('is not for minimal and temporary accounts', async () => {
    for (const account_type of ['minimal', 'temporary'] as const) {
      const session = { ...alice.session, account_type };
      const asked: Promise<unknown>[] = [
        world.bus.request(KEYS.putBackup, { session, records: [record('a')] }),
        world.bus.request(KEYS.backup, { session }),
        world.bus.request(KEYS.deleteBackup, { session }),
      ];
      for (const refusal of await Promise.all(asked.map((answer) => refusalOf(answer))))
        expect(refusal).toMatchObject({
          code: 'INSUFFICIENT_PERMISSIONS',
          details: { reason: 'not_for_account_type' },
        });
    }
  });

  it('refuses malformed records, and more than one bus message holds', async () => {
    const cases: [string, unknown[]][] = [
      ['none', []],
      ['a month that is none', [record('a', 'May')]],
      ['an id with a quote', [record("a'b")]],
      ['a body beyond the limit', [record('a', '2026-01', 'A'.repeat(65_537))]],
      ['an id twice', [record('a'), record('a', '2026-01', 'BBBB')]],
      ['too many', numbered(101, 4)],
    ];
    for (const [what, records] of cases) {
      const { code } = await refusalOf(put(records));
      expect({ what, code }).toEqual({ what, code: 'INVALID_MESSAGE_FORMAT' });
    }
    expect((await refusalOf(put(numbered(9, 65_536)))).code).toBe('MESSAGE_TOO_LARGE');
    expect((await refusalOf(read("'; drop table backups"))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await refusalOf(remove('all'))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await read()).records).toEqual([]);
  });

  it('stores nothing when what is kept would not fit into the answer', async () => {
    await put(numbered(8, 65_536));
    await put(numbered(1, 65_536, 8));
    const refusal = await refusalOf(put([...numbered(9, 4), record('new')]));
    expect(refusal).toMatchObject({ code: 'MESSAGE_TOO_LARGE', details: { reason: 'kept' } });
    expect((await read(undefined, 'm:99999')).records).toEqual([]);
    expect((await put(numbered(8, 4))).kept).toHaveLength(8);
  });
});
