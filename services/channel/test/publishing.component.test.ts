import { CHANNEL, type EntryBatch } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { eventually } from '@dcp/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { expectGapless, receivedInOrder } from './support/log-rules.js';
import { okOf, refusalOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

/** As if the process died right after each commit: nothing that it says about entries gets out. */
function mute(bus: Bus): Bus {
  return new Proxy(bus, {
    get: (target, name) => {
      if (name === 'publish') return () => {};
      // What is not sent cannot be confirmed.
      if (name === 'flush') return () => Promise.reject(new Error('dead'));
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** Notes what an instance says about entries: whether a listener is back from the same outage is a matter of chance. */
function noted(bus: Bus, batches: EntryBatch[]): Bus {
  return new Proxy(bus, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'publish') return member.bind(target) as unknown;
      return (topic: { subject: string }, payload: unknown) => {
        if (topic.subject.startsWith('channel.entries.')) batches.push(payload as EntryBatch);
        target.publish(topic, payload);
      };
    },
  });
}

describe.each(BOTH_BUSES)('publishing over the %s bus', (kind) => {
  let world: World;
  let general: string;
  let alice: Actor;

  beforeEach(async () => {
    world = await World.open(kind);
    alice = actor('alice');
  });
  afterEach(() => world.close());

  const begin = async (wrapBus?: (bus: Bus) => Bus) => {
    const instance = await world.start(wrapBus === undefined ? {} : { wrapBus });
    general = await world.general();
    await world.join(alice, general);
    return instance;
  };
  const publishedSeq = async () => {
    const { rows } = await world.admin.query<{ published_seq: string }>(
      'select published_seq from channel.channels where channel_id = $1',
      [general],
    );
    return Number(rows[0]?.published_seq);
  };

  it('[DCP-7.2-01] says at once and in order what was committed, as it was stored', async () => {
    await begin();
    await world.post(...Array.from({ length: 50 }, (_, i) => alice.post(general, `message ${i}`)));
    await eventually(() => expect(world.heardOf(general)).toHaveLength(51));
    expect(world.heardOf(general)).toEqual(await world.log(general));
    expect(world.heard.every(({ name }) => name === '#general')).toBe(true);
  });

  it('notes later what the bus has confirmed', async () => {
    await begin();
    okOf(await world.postOne(alice.post(general, 'x')));
    await eventually(async () => expect(await publishedSeq()).toBe(2));
  });

  it('splits large batches', async () => {
    await begin();
    const results = await world.post(...Array.from({ length: 3 }, () => alice.post(general, 'x'.repeat(60_000))));
    results.forEach(okOf);
    const many = Array.from({ length: 4 }, () =>
      world.post(...[1, 2, 3].map(() => alice.post(general, 'x'.repeat(60_000)))),
    );
    await Promise.all(many);
    await eventually(() => expect(world.heardOf(general)).toHaveLength(16));
    for (const { entries } of world.heard) {
      expect(entries.reduce((sum, { body }) => sum + body.length, 0)).toBeLessThanOrEqual(256 * 1024);
    }
  });

  it('what an instance committed before it died is published by the next one', async () => {
    const dying = await begin(mute);
    await world.post(...Array.from({ length: 250 }, (_, i) => alice.post(general, `message ${i}`)));
    const log = await world.log(general);
    expect(world.heardOf(general)).toEqual([]);
    expect(await publishedSeq()).toBe(0);
    await world.start();
    await eventually(() => expect(world.heardOf(general)).toHaveLength(251));
    expect(world.heardOf(general)).toEqual(log);
    await eventually(async () => expect(await publishedSeq()).toBe(251));
    await dying.stop();
  });

  it('republishes only the end of a channel that is far behind', async () => {
    const dying = await begin(mute);
    for (let i = 0; i < 3; i++) {
      await world.post(...Array.from({ length: 400 }, (_, n) => alice.post(general, `message ${i} ${n}`)));
    }
    await world.start();
    await eventually(() => expect(world.heardOf(general).at(-1)?.seq).toBe(1_201));
    expect(world.heardOf(general)).toHaveLength(1_000);
    await dying.stop();
  });

  it('two replicas writing to one channel: everyone hears every entry, and orders them alike', async () => {
    const bus = await world.listener();
    const heard: typeof world.heard = [];
    bus.subscribe(CHANNEL.entries, (batch) => void heard.push(batch));
    await bus.flush();
    await begin();
    await world.start();
    const writers = Array.from({ length: 8 }, (_, i) => actor(`writer-${i}`));
    await Promise.all(writers.map((writer) => world.join(writer, general)));
    await Promise.all(
      writers.flatMap((writer) => Array.from({ length: 25 }, (_, i) => world.postOne(writer.post(general, `${i}`)))),
    );
    const log = await world.log(general);
    expectGapless(log);
    expect(log).toHaveLength(1 + 8 + 200);
    await eventually(() => {
      expect(receivedInOrder(world.heardOf(general))).toEqual(log);
      expect(receivedInOrder(heard.flatMap(({ entries }) => entries))).toEqual(log);
    });
  });
});

describe('publishing while NATS is away', () => {
  it('what is committed meanwhile is published after the reconnect', async () => {
    const world = await World.open('nats');
    try {
      const alice = actor('alice');
      const said: EntryBatch[] = [];
      const instance = await world.start({ wrapBus: (bus) => noted(bus, said) });
      const general = await world.general();
      await world.join(alice, general);
      const published = () => receivedInOrder(said.flatMap(({ entries }) => entries));
      const count = async () => {
        const { rows } = await world.admin.query<{ n: number }>(
          'select count(*)::int as n from channel.channel_events',
        );
        return rows[0]?.n;
      };

      // Holds the commit back until the bus is gone.
      const blocker = await world.admin.connect();
      await blocker.query('begin');
      await blocker.query('select 1 from channel.channels where channel_id = $1 for update', [general]);
      const posting = refusalOf(world.postOne(alice.post(general, 'into the dark')));
      await eventually(async () => {
        expect((await world.admin.query('select 1 from pg_locks where not granted')).rowCount).toBeGreaterThan(0);
      });
      await world.nats?.kill();
      await eventually(async () => expect((await instance.health.report()).checks['channel.bus']).not.toBe('ok'));
      await blocker.query('rollback');
      blocker.release();
      expect((await posting).code).toBe('MAINTENANCE_MODE');
      await eventually(async () => expect(await count()).toBe(2));
      expect(world.heardOf(general)).toHaveLength(1);

      await world.nats?.restart();
      await eventually(async () => expect((await instance.health.report()).ready).toBe(true), 20_000);
      await eventually(() => expect(published()).toHaveLength(2), 20_000);
      await eventually(async () => expect(published()).toEqual(await world.log(general)), 20_000);
    } finally {
      await world.close();
    }
  }, 60_000);
});
