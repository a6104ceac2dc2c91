import { ready } from '@dcp/crypto';
import { applyMigrations, createMetrics, createPool, type Pool } from '@dcp/node-kit';
import { captureLogger, startPostgres, type TestPostgres } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { insertChannels } from '../src/channels/channel-rows.store.js';
import { newChannel, nodeGenesis } from '../src/channels/genesis.js';
import { memberLimits } from '../src/limits.js';
import type { AppendedEntries } from '../src/log/commit.js';
import { GroupCommit } from '../src/log/group-commit.js';
import { logMetrics } from '../src/log/log-metrics.js';
import type { NewEntry } from '../src/log/new-entry.js';
import type { PostOperation } from '../src/log/operation.js';
import { migrationsFolder } from '../src/migrations.js';
import { NodeKey } from '../src/node/node-key.js';

describe('group commit on a real PostgreSQL', () => {
  let postgres: TestPostgres;
  let pool: Pool;
  let commits: GroupCommit;
  let channelId: string;
  const log = captureLogger();
  const appended: AppendedEntries[] = [];

  beforeAll(async () => {
    await ready();
    postgres = await startPostgres();
    const url = await postgres.serviceUrl('channel');
    pool = await createPool({ url, applicationName: 'test', logger: log.logger });
    await applyMigrations({ pool, schema: 'channel', folder: migrationsFolder, logger: log.logger });
  });
  afterAll(async () => {
    await pool.end();
    await postgres.stop();
  });

  beforeEach(async () => {
    const key = new NodeKey({ nodeKey: Buffer.alloc(32, 7).toString('base64'), nodeId: undefined });
    const channel = newChannel(nodeGenesis(key, `#test-${Math.random()}`, key.nodeId, Date.now()), '', '');
    await insertChannels(pool, [channel]);
    channelId = channel.channelId;
    appended.length = 0;
    commits = new GroupCommit({
      nodeId: 'a7f3k9m2',
      pool,
      limits: memberLimits({ nodeKey: '', nodeId: undefined }),
      logger: log.logger,
      metrics: logMetrics(createMetrics({ service: 'test', processMetrics: false })),
      now: () => Date.now(),
      onCommitted: (entries) => void appended.push(...entries),
    });
  });

  const post = (id: string, body = '{}'): PostOperation => ({
    kind: 'post',
    channelId,
    userId: 'a7f3k9m2.alice',
    aclVersion: 0,
    entry: entry(id, body),
  });

  it('what queued while a commit ran is one transaction, numbered in order of arrival', async () => {
    const outcomes = await Promise.all(Array.from({ length: 500 }, (_, i) => commits.submit(post(`msg_${i}`))));
    expect(outcomes.map(({ seq }) => seq)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(appended).toHaveLength(1);
    expect(appended[0]?.entries.map(({ seq }) => seq)).toEqual(outcomes.map(({ seq }) => seq));
  });

  it('a row that the database refuses does not take its neighbours along, and leaves no gap', async () => {
    const bad = new Set([3, 17, 18, 99]);
    const operations = Array.from({ length: 100 }, (_, i) => post(`msg_${i}`, bad.has(i) ? 'never\0valid' : '{}'));
    const results = await Promise.allSettled(operations.map((operation) => commits.submit(operation)));
    const seqs = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.seq] : []));
    expect(seqs).toEqual(Array.from({ length: 96 }, (_, i) => i + 1));
    for (const i of bad) expect(results[i]).toMatchObject({ reason: { code: 'INTERNAL_ERROR', details: {} } });
    expect(log.text()).not.toContain('never');
    const { rows } = await pool.query(
      'select count(*)::int as n, max(seq)::int as last from channel_events where channel_id = $1',
      [channelId],
    );
    expect(rows).toEqual([{ n: 96, last: 96 }]);
  });

  it('[DCP-14.2-14] takes a bounded number of waiting posts, and answers 9001 to the rest at once', async () => {
    const blocker = await pool.connect();
    await blocker.query('begin');
    await blocker.query('select 1 from channels where channel_id = $1 for update', [channelId]);
    let overloaded = 0;
    const submitted = Array.from({ length: 22_000 }, (_, i) =>
      commits.submit(post(`msg_${i}`)).catch((error: { code: string; details: unknown }) => {
        expect(error).toMatchObject({ code: 'MAINTENANCE_MODE', details: { reason: 'overloaded' } });
        overloaded++;
      }),
    );
    await Promise.race(submitted.slice(-1));
    expect(overloaded).toBeGreaterThanOrEqual(22_000 - 20_000 - 1_024);
    await blocker.query('rollback');
    blocker.release();
    await Promise.all(submitted);
    await commits.idle();
    const { rows } = await pool.query('select count(*)::int as n from channel_events where channel_id = $1', [
      channelId,
    ]);
    expect(rows).toEqual([{ n: 22_000 - overloaded }]);
  });

  it('survives being chosen as the victim of a deadlock', async () => {
    const { rows } = await pool.query<{ channel_id: string }>('select channel_id from channels order by channel_id');
    const [first, last] = [rows[0]?.channel_id ?? '', rows.at(-1)?.channel_id ?? ''];
    const rival = await pool.connect();
    await rival.query('begin');
    await rival.query('select 1 from channels where channel_id = $1 for update', [last]);
    // Takes the first, waits for the last.
    const outcomes = Promise.all([first, last].map((id) => commits.submit({ ...post(`msg_d`), channelId: id })));
    await waitsForLock(pool);
    // Closes the circle: PostgreSQL breaks one of the two off.
    await rival.query('select 1 from channels where channel_id = $1 for update', [first]).catch(() => undefined);
    await rival.query('rollback');
    rival.release();
    expect((await outcomes).map(({ changed }) => changed)).toEqual([true, true]);
  });
});

function entry(id: string, body: string): NewEntry {
  return {
    id,
    type: 'text',
    author: 'a7f3k9m2.alice',
    device: null,
    timestamp: '2026-01-01T00:00:00.000Z',
    body,
    digest: Buffer.alloc(32, id),
  };
}

async function waitsForLock(pool: Pool): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(`select 1 from pg_locks where not granted`);
    if (rowCount !== 0) return;
  }
}
