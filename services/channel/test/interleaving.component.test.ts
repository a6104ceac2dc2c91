import type { Post } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { actor, type Actor } from './support/actor.js';
import { expectGapless, receivedInOrder } from './support/log-rules.js';
import { BOTH_BUSES, World } from './support/world.js';

const USERS = 3;
const RUNS = 25;

type Step =
  | { do: 'join'; user: number }
  | { do: 'leave'; user: number }
  | { do: 'post'; user: number; count: number }
  | { do: 'retry'; which: number }
  | { do: 'settle' };

const user = fc.nat(USERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('join' as const), user }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), user }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('post' as const), user, count: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('retry' as const), which: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'settle' as const }) },
);

describe.each(BOTH_BUSES)('any interleaving over two replicas and the %s bus', (kind) => {
  let world: World;
  let owner: Actor;
  let channels = 0;

  beforeAll(async () => {
    world = await World.open(kind);
    await Promise.all([world.start(), world.start()]);
    owner = actor('owner');
  });
  afterAll(() => world.close());

  it('keeps the log gapless, each accepted message once, and the order the same for all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const { channel_id } = await world.create(owner, `#run-${++channels}`);
        const accepted = await play(world, channel_id, steps);
        const log = await world.log(channel_id);
        expectGapless(log);
        const seqs = new Map(log.map(({ id, seq }) => [id, seq]));
        for (const [id, seq] of accepted) expect(seqs.get(id)).toBe(seq);
        expect(log.filter(({ type }) => type === 'text')).toHaveLength(accepted.size);
        await eventually(() => expect(receivedInOrder(world.heardOf(channel_id))).toEqual(log));
      }),
      { numRuns: RUNS },
    );
  }, 120_000);
});

/** Starts one step after the other without waiting, except where a step says so; returns accepted ids with their one `seq`. */
async function play(world: World, channelId: string, steps: Step[]): Promise<Map<string, number>> {
  const users = Array.from({ length: USERS }, (_, i) => actor(`user-${i}`));
  const accepted = new Map<string, number>();
  const sent: Post[] = [];
  const running: Promise<unknown>[] = [];
  const send = async (...posts: Post[]) => {
    for (const result of await world.post(...posts)) {
      if (!('ok' in result)) continue;
      const { message_id, seq } = result.ok;
      expect(accepted.get(message_id) ?? seq).toBe(seq);
      accepted.set(message_id, seq);
    }
  };
  const start = (next: Step): Promise<unknown> => {
    if (next.do === 'settle') return Promise.all(running);
    if (next.do === 'retry') {
      const post = sent[next.which % Math.max(sent.length, 1)];
      return post === undefined ? Promise.resolve() : send(post, post);
    }
    const who = users[next.user] as Actor;
    if (next.do !== 'post') return world[next.do](who, channelId);
    const posts = Array.from({ length: next.count }, (_, i) => who.post(channelId, `message ${i}`));
    sent.push(...posts);
    return send(...posts);
  };
  for (const next of steps) {
    const done = start(next);
    running.push(done);
    if (next.do === 'settle') await done;
  }
  await Promise.all(running);
  return accepted;
}
