import type { Post } from '@dcp/contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actor, type Actor } from './support/actor.js';
import { expectGapless } from './support/log-rules.js';
import { errorOf, okOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

const RACES = 300;

describe.each(BOTH_BUSES)('retries against two replicas over the %s bus', (kind) => {
  let world: World;
  let general: string;
  let alice: Actor;

  beforeAll(async () => {
    world = await World.open(kind);
    await Promise.all([world.start(), world.start()]);
    general = await world.general();
    alice = actor('alice');
    await world.join(alice, general);
  });
  afterAll(() => world.close());

  it('[DCP-6.1-02] the same post raced against its own retry is one entry with one answer, and leaves no gap', async () => {
    for (let race = 0; race < RACES; race++) {
      const post = alice.post(general, `race ${race}`);
      // A different neighbour in each batch, so that the two transactions number different entries.
      const [one, two] = await Promise.all([
        world.post(post, alice.post(general, 'neighbour of the first')),
        world.post(alice.post(general, 'neighbour of the retry'), post),
      ]);
      expect(okOf(two[1])).toEqual(okOf(one[0]));
    }
    const log = await world.log(general);
    expectGapless(log);
    expect(log).toHaveLength(1 + 3 * RACES);
  });

  it('the same id twice in one batch gives the first answer, with other content a conflict', async () => {
    const post = alice.post(general, 'twice');
    const other = alice.post(general, 'not the same', { id: post.message['id'] });
    const [first, second, third] = await world.post(post, post, other);
    expect(okOf(second)).toEqual(okOf(first));
    expect(errorOf(third)).toMatchObject({ code: 'CONFLICT', details: { reason: 'id_used' } });
  });

  it('one id may serve in two channels', async () => {
    const { channel_id: other } = await world.create(alice, `#other-${kind}`);
    const id = alice.message(general, 'x').id;
    const posts: Post[] = [alice.post(general, 'x', { id }), alice.post(other, 'x', { id })];
    for (const post of posts) okOf(await world.postOne(post));
  });

  it('a member who left gets the answer to his retry, and no right to post from it', async () => {
    const bob = actor('bob');
    await world.join(bob, general);
    const post = bob.post(general, 'before I go');
    const first = okOf(await world.postOne(post));
    await world.leave(bob, general);
    // More than one, so that both replicas are asked.
    for (let i = 0; i < 10; i++) {
      expect(okOf(await world.postOne(post))).toEqual(first);
      expect(errorOf(await world.postOne(bob.post(general, 'after'))).details['reason']).toBe('not_a_member');
    }
  });

  it('[DCP-6.4-05] a leave on one replica ends the role that another has cached', async () => {
    for (let i = 0; i < 20; i++) {
      const carol = actor('carol');
      await world.join(carol, general);
      // Warms the caches of both replicas.
      await Promise.all(Array.from({ length: 6 }, () => world.postOne(carol.post(general, 'here'))));
      await world.leave(carol, general);
      const late = await Promise.all(Array.from({ length: 6 }, () => world.postOne(carol.post(general, 'gone'))));
      late.forEach((result) => expect(errorOf(result).code).toBe('INSUFFICIENT_PERMISSIONS'));
      okOf(await world.postOne(alice.post(general, 'still here')));
    }
    expectGapless(await world.log(general));
  });

  it('leaving and posting in the same moment never leaves a post behind the leave', async () => {
    const dave = actor('dave');
    for (let i = 0; i < 20; i++) {
      await world.join(dave, general);
      await Promise.all([
        ...Array.from({ length: 8 }, () => world.postOne(dave.post(general, 'racing the leave'))),
        world.leave(dave, general),
      ]);
    }
    let inside = false;
    for (const { author, type, body } of await world.log(general)) {
      if (author !== dave.userId) continue;
      if (type === 'system') inside = body.includes('"user_joined"');
      else expect(inside).toBe(true);
    }
  });
});
