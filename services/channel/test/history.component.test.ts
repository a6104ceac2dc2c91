import { CHANNEL, type HistoryRequest } from '@dcp/contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PAGE_AFTER, PAGE_BEFORE } from '../src/history/history.store.js';
import { actor, type Actor, newId } from './support/actor.js';
import { okOf, refusalOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

const MESSAGES = 150;

describe.each(BOTH_BUSES)('history over the %s bus', (kind) => {
  let world: World;
  let alice: Actor;
  let general: string;
  let ids: string[];

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start();
    general = await world.general();
    alice = actor('alice');
    await world.join(alice, general);
    const posts = Array.from({ length: MESSAGES }, (_, i) => alice.post(general, `message ${i}`));
    ids = (await world.post(...posts)).map((result) => okOf(result).message_id);
  });
  afterAll(() => world.close());

  const history = (request: Partial<HistoryRequest>) =>
    world.bus.request(CHANNEL.history, { channel_id: general, user_id: alice.userId, limit: 50, ...request });

  it('[DCP-8.3-03] [DCP-8.3-04] pages back from the newest: no gap, no double, has_more false at the end', async () => {
    const pages: string[][] = [];
    for (let before: string | undefined, more = true; more; before = pages[0]?.[0]) {
      const page = await history({ before, limit: 40 });
      expect(page.name).toBe('#general');
      pages.unshift(page.entries.map(({ id }) => id));
      more = page.has_more;
    }
    expect(pages.map((page) => page.length)).toEqual([31, 40, 40, 40]);
    expect(pages.flat().slice(1)).toEqual(ids);
  });

  it('reads forward from a number, oldest first', async () => {
    const page = await history({ after: 1, limit: 10 });
    expect(page.entries.map(({ id }) => id)).toEqual(ids.slice(0, 10));
    expect(page.has_more).toBe(true);
    const end = await history({ after: MESSAGES - 4, limit: 10 });
    expect(end.entries.map(({ seq }) => seq)).toEqual([147, 148, 149, 150, 151]);
    expect(end.has_more).toBe(false);
    expect((await history({ after: MESSAGES + 1 })).entries).toEqual([]);
  });

  it('[DCP-8.3-03] lowers an absurd limit', async () => {
    expect((await history({ limit: 1_000_000 })).entries).toHaveLength(100);
    expect((await history({ limit: -5 })).entries).toHaveLength(1);
  });

  it('[DCP-9.2-01] is for members only', async () => {
    const stranger = actor('stranger').userId;
    expect(await refusalOf(history({ user_id: stranger }))).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS' });
    const range = { channel_id: general, after: 0, limit: 10, user_id: stranger };
    expect((await refusalOf(world.bus.request(CHANNEL.range, range))).code).toBe('INSUFFICIENT_PERMISSIONS');
  });

  it('names what does not exist', async () => {
    expect((await refusalOf(history({ before: newId() }))).code).toBe('MESSAGE_NOT_FOUND');
    expect((await refusalOf(history({ channel_id: `ch_${'a'.repeat(52)}` }))).code).toBe('CHANNEL_NOT_FOUND');
  });

  it('gives gateways any stretch of the log, with the head', async () => {
    const range = await world.bus.request(CHANNEL.range, { channel_id: general, after: 100, limit: 20 });
    expect(range).toMatchObject({ channel_id: general, name: '#general', head: MESSAGES + 1 });
    expect(range.entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => 101 + i));
    const { heads } = await world.bus.request(CHANNEL.heads, { channel_ids: [general, 'ch_unknown'] });
    expect(heads).toEqual({ [general]: MESSAGES + 1 });
  });

  it('reading back, what was wiped fills no page, however much it is; numbers are found all the same', async () => {
    const { channel_id } = await world.create(alice, '#wiped');
    const posts = Array.from({ length: 60 }, (_, i) => alice.post(channel_id, `message ${i}`));
    const kept = (await world.post(...posts)).map((result) => okOf(result).message_id);
    await world.admin.query(
      `update channel.channel_events set body = '', author = '' where channel_id = $1 and seq between 11 and 55`,
      [channel_id],
    );
    const last = await history({ channel_id, limit: 10 });
    expect(last.entries.map(({ seq }) => seq)).toEqual([7, 8, 9, 10, 56, 57, 58, 59, 60, 61]);
    const rest = await history({ channel_id, limit: 10, before: last.entries[0]?.id });
    expect(rest).toMatchObject({ has_more: false, entries: Array.from({ length: 6 }, (_, i) => ({ seq: i + 1 })) });
    // Who looks for one message finds what is before it, and so the message itself.
    const before = await history({ channel_id, limit: 1, before: kept[54] });
    expect(before.entries).toMatchObject([{ seq: 55, body: '' }]);
    expect((await history({ channel_id, after: 50, limit: 10 })).entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 10 }, (_, i) => 51 + i),
    );
  });

  it('cuts pages of large messages so that they fit the bus, and loses none', async () => {
    const { channel_id } = await world.create(alice, '#large');
    // Quotes and backslashes double their size on the bus.
    const text = '"\\'.repeat(15_000);
    for (let i = 0; i < 30; i++) okOf(await world.postOne(alice.post(channel_id, text)));
    expect((await world.log(channel_id)).map(({ seq }) => seq)).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    let seen = 0;
    for (let before: string | undefined, more = true; more;) {
      const page = await history({ channel_id, before, limit: 100 });
      expect(page.entries.length).toBeGreaterThan(0);
      before = page.entries[0]?.id;
      seen += page.entries.length;
      more = page.has_more;
    }
    expect(seen).toBe(31);
  });

  it.each([
    ['forward', PAGE_AFTER, 100],
    ['back', PAGE_BEFORE, 20_000],
  ])('[DCP-16.3-05] reading %s takes the primary key only', async (_direction, sql, seq) => {
    await fillLog(world, general);
    const client = await world.admin.connect();
    await client.query('set search_path to channel');
    const plan = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers) ${sql}`, [general, seq, 50]);
    client.release(true);
    const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Index Scan.* using channel_events_pkey/);
    expect(text).not.toMatch(/Seq Scan|Bitmap/);
    // Fifty rows of fifty thousand: the scan ends where the page does.
    expect(Number(/channel_events_pkey.*rows=(\d+)\.?\d* loops=1\)/.exec(text)?.[1])).toBeLessThanOrEqual(50);
  });
});

/** Enough rows that a plan which reads them all would be noticed. */
async function fillLog(world: World, channelId: string): Promise<void> {
  await world.admin.query(
    `insert into channel.channel_events
       (channel_id, seq, id, digest, type, author, "timestamp", received_at, body, home_epoch)
     select $1, i, 'msg_fill' || i, '', 'text', 'somebody', now(), now(), '{}', 1 from generate_series(1000, 50000) i
     on conflict do nothing`,
    [channelId],
  );
  await world.admin.query('analyze channel.channel_events');
}
