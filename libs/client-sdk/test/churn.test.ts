import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import fc from 'fast-check';
import type { QueuedKeys } from '@dcp/protocol';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** Random members, messages and faults over a whole conversation: what a member should read he reads, what others should not they do not. */

beforeAll(ready);
let actors: Actor[] = [];
let checked = 0;
afterEach(() => actors.splice(0).forEach((actor) => actor.stop()));

type Step =
  | { kind: 'say'; who: number }
  | { kind: 'leave'; who: number }
  | { kind: 'join'; who: number }
  | { kind: 'device'; who: number }
  | { kind: 'revoke'; who: number };

interface Faults {
  /** Queue items are lost in this share. */
  lose: number;
  repeat: number;
  shuffle: boolean;
}

/** A generator that the run's seed decides. */
function drawn(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

async function settled(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const actor of actors) {
      await actor.engine.requests.tick();
      await actor.settled();
    }
  }
}

/** Who may read each message: the devices of the members at the moment when it was sent. */
async function converse(steps: readonly Step[], faults: Faults | undefined, seed: number) {
  // A run that failed left its actors behind.
  actors.splice(0).forEach((actor) => actor.stop());
  const node = new ScriptedNode();
  const random = drawn(seed);
  if (faults !== undefined) {
    node.interference.queue = (items) => bent(items, faults, random);
  }
  let ahead = 0;
  const options = { now: () => Date.now() + ahead };
  const people = Array.from({ length: 4 }, (_, i) => new Person(node, `user${i}`));
  for (const person of people) actors.push(await person.device(options));
  const [owner, ...others] = [...actors] as [Actor, ...Actor[]];
  const room = (await owner.changes.create({ visibility: 'public', name: '#open' })).channel_id;
  for (const other of others) await other.changes.join(room);
  await settled(1);
  const readers = new Map<string, Set<Actor>>();
  const live = () => actors.filter((actor) => !isRevoked(actor));
  const of = (who: number) => live().filter(({ userId }) => userId.endsWith(`user${who}`));
  const isMember = (who: number) => node.channel(room).state.members[`n0000000.user${who}`] !== undefined;
  let count = 0;
  for (const { kind, who } of steps) {
    const [first, second] = of(who);
    if (first === undefined) continue;
    await settled(1);
    if (kind === 'say' && isMember(who)) {
      await first.engine.states.refresh(room);
      const members = live().filter((one) => node.channel(room).state.members[one.userId] !== undefined);
      readers.set(await first.say(room, `message ${++count}`), new Set(members));
    } else if (kind === 'leave' && isMember(who) && who !== 0) await first.changes.leave(room);
    else if (kind === 'join' && !isMember(who)) await first.changes.join(room);
    else if (kind === 'device' && second === undefined) actors.push((await people[who]?.device(options)) as Actor);
    else if (kind === 'revoke' && second !== undefined) first.person.revoke(second.keys);
  }
  node.interference = {};
  for (let round = 0; round < 8; round++) {
    ahead += 60_000;
    await settled(1);
  }
  return { readers };
}

function isRevoked({ person, keys }: Actor): boolean {
  return person.log.some(({ action, device }) => action === 'revoke' && device === keys.id);
}

function bent(items: QueuedKeys[], { lose, repeat, shuffle }: Faults, random: () => number): QueuedKeys[] {
  const kept = items.filter(({ id }) => (hash(id) % 1_000) / 1_000 >= lose);
  const doubled = kept.flatMap((item) => (random() < repeat ? [item, item] : [item]));
  const bentItems = shuffle ? doubled.toSorted(() => random() - 0.5) : doubled;
  // The last number must stay the last: it is what gets acknowledged.
  const last = items.at(-1);
  return last === undefined || bentItems.length === 0 ? [] : [...bentItems.filter((one) => one !== last), last];
}

function hash(text: string): number {
  let sum = 0;
  for (const character of text) sum = (Math.imul(sum, 31) + character.charCodeAt(0)) >>> 0;
  return sum;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('say', 'say', 'say', 'say', 'say', 'leave', 'join', 'join', 'device', 'revoke'),
  who: fc.nat({ max: 3 }),
}) as fc.Arbitrary<Step>;
const steps = fc.array(step, { minLength: 10, maxLength: 40 });

async function check(conversation: readonly Step[], faults: Faults | undefined, seed: number): Promise<void> {
  const { readers } = await converse(conversation, faults, seed);
  checked += readers.size;
  for (const actor of actors) {
    for (const [id, allowed] of readers) {
      const heard = actor.heard.find((one) => one.id === id);
      const may = allowed.has(actor);
      // What a revoked device lost before it was revoked, nobody gives it any more.
      if (may && faults !== undefined && isRevoked(actor)) continue;
      const what = `${actor.userId} ${actor.device} ${may ? 'reads' : 'does not read'} ${id}: ${JSON.stringify(heard)}`;
      const right = may ? heard?.text !== undefined : heard?.text === undefined;
      expect(right ? '' : what).toBe('');
      if (faults === undefined && may) expect(actor.unreadAtFirst).not.toContain(id);
    }
  }
  actors.splice(0).forEach((actor) => actor.stop());
}

describe('a conversation of random members and devices', () => {
  it('[DCP-6.3-04] without faults every member device reads every message at once, and nobody else any', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), (conversation, seed) => check(conversation, undefined, seed)),
      { numRuns: 12 },
    );
  });

  it('[DCP-12.2-04] with lost, repeated and shuffled hand-overs everything heals', async () => {
    const faults = fc.record({
      lose: fc.double({ min: 0, max: 0.5, noNaN: true }),
      repeat: fc.double({ min: 0, max: 0.5, noNaN: true }),
      shuffle: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(steps, faults, fc.nat(), (conversation, how, seed) => check(conversation, how, seed)),
      { numRuns: 12 },
    );
  });

  it('the conversations had something to check', () => {
    expect(checked).toBeGreaterThan(100);
  });
});
