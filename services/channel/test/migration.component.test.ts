import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ready } from '@dcp/crypto';
import { applyMigrations, createPool, silentLogger } from '@dcp/node-kit';
import { startPostgres } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMA } from '../src/database.js';
import { migrationsFolder } from '../src/migrations.js';

describe('migration of a database with channels in it', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let before: string;

  beforeAll(async () => {
    await ready();
    postgres = await startPostgres();
    before = await mkdtemp(join(tmpdir(), 'channel-migrations-'));
    await cp(join(migrationsFolder, '0001_init'), join(before, '0001_init'), { recursive: true });
  });
  afterAll(async () => {
    await postgres.stop();
    await rm(before, { recursive: true });
  });

  it('keeps what is there, and frees names of channels that are not public', async () => {
    const url = await postgres.serviceUrl('channel');
    const pool = await createPool({ url, applicationName: 'test', logger: silentLogger });
    const migrate = (folder: string) => applyMigrations({ pool, schema: SCHEMA, folder, logger: silentLogger });
    const insert = (id: string, name: string, visibility: string) =>
      pool.query(
        `insert into channels (channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis,
           genesis_signature, creator, created_at, last_activity)
         values ($1, $2, 'a7f3k9m2', 1, 'e2ee', $3, '', '', '', '', '', now(), now())`,
        [id, name, visibility],
      );
    expect(await migrate(before)).toEqual(['0001_init']);
    await insert('ch_old', '#old', 'public');
    await pool.query("insert into members values ('ch_old', 'a7f3k9m2.alice', 'owner', now(), 1)");
    await expect(insert('ch_private', '#old', 'private')).rejects.toThrow('visibility');

    expect(await migrate(migrationsFolder)).toEqual([
      '0002_e2ee',
      '0003_replicas',
      '0004_handovers',
      '0005_open_chains',
      '0006_dm_requests',
      '0007_refused_posts',
      '0008_lost_homes',
      '0009_mandates',
    ]);

    const { rows } = await pool.query(
      'select c.epoch, m.identity_key from channels c join members m using (channel_id)',
    );
    expect(rows).toEqual([{ epoch: 0, identity_key: null }]);
    for (const [i, visibility] of ['private', 'private', 'group', 'dm'].entries()) {
      await insert(`ch_${i}`, '#old', visibility);
    }
    await expect(insert('ch_other', '#old', 'public')).rejects.toThrow('channels_own_public_name_key');
    await expect(insert('ch_odd', '#odd', 'secret')).rejects.toThrow('visibility');
    // As the version before writes them while both run.
    await pool.query(
      "insert into members (channel_id, user_id, role, joined_at, joined_seq) values ('ch_0', 'x', 'member', now(), 1)",
    );
    await pool.end();
  });

  it('reads the state chain by its own index', async () => {
    const pool = await createPool({ url: postgres.url, applicationName: 'test', logger: silentLogger });
    const client = await pool.connect();
    await client.query('set search_path to channel; set enable_seqscan = off');
    const { PAGE_STATE } = await import('../src/history/history.store.js');
    await client.query(
      `insert into channel_events select 'ch_x', i, 'm' || i, '\\x00', case when i % 100 = 0 then 'system' else 'text' end,
         'a', null, now(), now(), 'body', 1 from generate_series(1, 20000) i`,
    );
    await client.query('analyze channel_events');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${PAGE_STATE}`, ['ch_x', 0, 201]);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('channel_events_state_idx');
    client.release(true);
    await pool.end();
  });
});
