import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import type { Handover } from '@dcp/protocol';
import { ChannelHomes } from '../src/channel-homes.js';
import type { HomeSurvey } from '../src/home-survey.js';
import { signHandover } from '../src/sign-handover.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** A home was lost, and the node that goes on has less than some clients have seen. */

const VOIDED = 10;

beforeAll(ready);

describe('an encrypted channel whose home was lost', () => {
  let node: ScriptedNode;
  let alice: Actor;
  let bob: Actor;
  let carol: Actor;
  let room: string;
  /** Entries that everybody has. */
  let kept: number;

  beforeEach(async () => {
    node = new ScriptedNode();
    [alice, bob, carol] = (await Promise.all(
      ['alice', 'bob', 'carol'].map((name) => new Person(node, name).device()),
    )) as [Actor, Actor, Actor];
    room = await alice.createPrivate(bob, carol);
    await alice.say(room, 'before');
    await settle();
    kept = node.channel(room).log.length;
  });
  afterEach(() => [alice, bob, carol].forEach((actor) => actor.stop()));

  const settle = async () => {
    for (const actor of [alice, bob, carol]) await actor.settled();
  };
  const word = (by: Actor, changes: Partial<{ last_seq: number; void_to: number }> = {}): Handover => {
    const lost = { last_seq: kept, void_to: kept + VOIDED, ...changes };
    const home = { channel_id: room, home_node: 'aaaaaaaa', home_epoch: 1, handovers: [] };
    return signHandover(by.keys, home, 'bbbbbbbb', { lost });
  };
  const membersSeenBy = async (actor: Actor) => Object.keys((await actor.engine.states.get(room)).members).toSorted();

  it('forgets by the owner’s word who had come, and encrypts for those who are there', async () => {
    const ghost = await new Person(node, 'ghost').device();
    await alice.changes.invite(room, ghost.userId);
    await ghost.changes.join(room);
    await settle();
    expect(await membersSeenBy(bob)).toContain(ghost.userId);
    node.loseHome(room, kept, VOIDED);
    node.homes.set(room, [word(alice)]);
    await bob.say(room, 'after');
    await settle();
    for (const actor of [alice, carol]) expect(actor.texts().at(-1)).toBe('after');
    for (const actor of [alice, bob, carol]) {
      await actor.engine.states.refresh(room);
      expect(await membersSeenBy(actor)).toEqual([alice, bob, carol].map(({ userId }) => userId).toSorted());
      expect(actor.faults.filter((fault) => fault.startsWith('channelConflict'))).toEqual([]);
    }
    ghost.stop();
  });

  it('has again whoever was removed behind that end, and goes on in the key epoch of before', async () => {
    await alice.changes.kick(room, carol.userId);
    await settle();
    expect((await bob.engine.states.get(room)).epoch).toBe(1);
    node.loseHome(room, kept, VOIDED);
    node.homes.set(room, [word(alice)]);
    await bob.engine.states.refresh(room);
    expect((await bob.engine.states.get(room)).epoch).toBe(0);
    await bob.say(room, 'for carol too');
    await settle();
    expect(carol.texts().at(-1)).toBe('for carol too');
  });

  it.each([
    ['nobody', () => []],
    ['somebody else', () => [word(bob)]],
    ['the owner, of an end that comes later', () => [word(alice, { last_seq: kept + 1, void_to: kept + 5 })]],
    ['the owner, of another channel', () => [{ ...word(alice), channel_id: `ch_${'a'.repeat(52)}` }]],
    ['the owner, changed by the node', () => [{ ...word(alice, { void_to: kept + 9 }), void_to: kept + VOIDED }]],
    ['the owner, who only gave it', () => [{ ...word(alice), kind: 'given' as const }]],
  ])('takes nothing back by the word of %s', async (_, words: () => Handover[]) => {
    await alice.changes.kick(room, carol.userId);
    await settle();
    node.loseHome(room, kept, VOIDED);
    node.homes.set(room, words());
    await bob.engine.states.refresh(room);
    expect(await membersSeenBy(bob)).not.toContain(carol.userId);
    expect((await bob.engine.states.get(room)).epoch).toBe(1);
  });

  it('takes back nothing that came after, by the same word', async () => {
    node.loseHome(room, kept, VOIDED);
    node.homes.set(room, [word(alice)]);
    await alice.changes.kick(room, carol.userId);
    await settle();
    node.loseHome(room, kept, VOIDED);
    await bob.engine.states.refresh(room);
    expect((await bob.engine.states.get(room)).epoch).toBe(1);
    expect(await membersSeenBy(bob)).not.toContain(carol.userId);
  });
});

describe('the word that a home is lost', () => {
  const survey = (changes: Partial<HomeSurvey> = {}): HomeSurvey => ({
    channel: '#x',
    channel_id: `ch_${'a'.repeat(52)}`,
    home_node: 'aaaaaaaa',
    home_epoch: 1,
    home_answers: false,
    nodes: [
      { node_id: 'bbbbbbbb', first_seq: 5, last_seq: 40 },
      { node_id: 'cccccccc', first_seq: 1, last_seq: 40 },
      { node_id: 'dddddddd', first_seq: 1, last_seq: 30 },
      { node_id: 'eeeeeeee', error: 'NODE_UNREACHABLE' },
    ],
    ...changes,
  });
  const replace = async (found: HomeSurvey, to?: string) => {
    const anna = await new Person(new ScriptedNode(), 'anna').device();
    anna.stop();
    const { channel_id, home_node, home_epoch } = found;
    const home = { channel: '#x', channel_id, home_node, home_epoch, state: 'settled', handovers: [] };
    const rest = (path: string, request?: { body?: unknown }): Promise<unknown> => {
      if (path.endsWith('/survey')) return Promise.resolve(found);
      return Promise.resolve(request?.body === undefined ? home : (request.body as { handover: Handover }).handover);
    };
    const none = () => Promise.reject(new Error('none'));
    const homes = new ChannelHomes(anna.keys, { rest, command: none } as never, none);
    return (await homes.replace('#x', to)) as unknown as Handover;
  };

  it('names the node that has most of it, unless another was asked for, and leaves room for what others may have seen', async () => {
    expect(await replace(survey())).toMatchObject({ kind: 'lost', to_node: 'cccccccc', last_seq: 40, void_to: 1_040 });
    expect(await replace(survey(), 'dddddddd')).toMatchObject({ to_node: 'dddddddd', last_seq: 30, void_to: 1_040 });
  });

  it('is not given while the home answers, nor for a node that is away or too far behind', async () => {
    const reason = (name: string) => ({ code: 'CONFLICT', details: { reason: name } });
    await expect(replace(survey({ home_answers: true }))).rejects.toMatchObject(reason('home_answers'));
    await expect(replace(survey(), 'eeeeeeee')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    const far = { node_id: 'ffffffff', first_seq: 1, last_seq: 10_031 };
    const nodes = [...survey().nodes, far];
    await expect(replace(survey({ nodes }), 'dddddddd')).rejects.toMatchObject(reason('too_far_behind'));
    expect(await replace(survey({ nodes }), 'cccccccc')).toMatchObject({ void_to: 10_040 });
  });
});
