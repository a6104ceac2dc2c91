import { DcpError } from '@dcp/protocol';
import type { Post } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { expectGapless, receivedInOrder } from './support/log-rules.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('PostgreSQL dies and comes back under load, over the %s bus', (kind) => {
  let world: World;
  let general: string;
  let writers: Actor[];

  beforeAll(async () => {
    world = await World.open(kind);
    // Killed connections of the test's own.
    world.admin.on('error', () => {});
    await Promise.all([world.start(), world.start()]);
    general = await world.general();
    writers = Array.from({ length: 4 }, (_, i) => actor(`writer-${i}`));
    await Promise.all(writers.map((writer) => world.join(writer, general)));
  });
  afterAll(() => world.close());

  it('[DCP-14.2-14] answers 9001 meanwhile, loses nothing that it acknowledged, and takes every retry once', async () => {
    const acknowledged = new Map<string, number>();
    const refusals = new Set<string>();
    const stop = new AbortController();

    /** A client: sends until it is acknowledged, always with the same id. */
    const deliver = async (post: Post) => {
      for (;;) {
        const result = await world.postOne(post).catch((error: unknown) => ({ error: error as DcpError }));
        if ('ok' in result) return void acknowledged.set(result.ok.message_id, result.ok.seq);
        refusals.add(result.error.code);
      }
    };
    const write = async (writer: Actor) => {
      for (let i = 0; !stop.signal.aborted; i++) await deliver(writer.post(general, `message ${i}`));
    };
    const writing = Promise.all(writers.map(write));
    const count = () => acknowledged.size;

    for (let round = 0; round < 3; round++) {
      const before = count();
      await eventually(() => expect(count()).toBeGreaterThan(before + 20), 30_000);
      await world.postgres.kill();
      await eventually(() => expect(refusals).toContain('MAINTENANCE_MODE'), 30_000);
      await world.postgres.restart();
    }
    const after = count();
    await eventually(() => expect(count()).toBeGreaterThan(after + 20), 30_000);
    stop.abort();
    await writing;

    expect([...refusals]).toEqual(['MAINTENANCE_MODE']);
    const log = await world.log(general);
    expectGapless(log);
    const stored = new Map(log.map(({ id, seq }) => [id, seq]));
    for (const [id, seq] of acknowledged) expect(stored.get(id)).toBe(seq);
    expect(log).toHaveLength(writers.length + acknowledged.size);
    await eventually(() => expect(receivedInOrder(world.heardOf(general)).at(-1)?.seq).toBe(log.length), 60_000);
  }, 120_000);

  it('is not ready while the database is away', async () => {
    const instance = await world.start();
    expect(await instance.health.report()).toMatchObject({ ready: true });
    await world.postgres.kill();
    const report = await instance.health.report();
    expect(report.ready).toBe(false);
    expect(report.checks['channel.bus']).toBe('ok');
    await world.postgres.restart();
    await eventually(async () => expect((await instance.health.report()).ready).toBe(true));
  });
});
