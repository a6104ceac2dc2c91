import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatKey, generateEd25519KeyPair, ready } from '@dcp/crypto';
import { type Handover, handoverSchema, type Mandate } from '@dcp/protocol';
import { signMandate } from '../src/mandates.js';
import { parseProposal, signConsent } from '../src/proposals.js';
import { newDevice, type Device } from '../src/session/device.js';
import { signHandover } from '../src/sign-handover.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** A home was lost and its owner with it: those whom he has named say what no longer counts, and clients believe nobody else. */

const VOIDED = 10;
const DAY_MS = 86_400_000;

beforeAll(ready);

let node: ScriptedNode;
let alice: Actor;
let bob: Actor;
let carol: Actor;
let dave: Actor;
let erin: Actor;
let room: string;
/** Entries that everybody has. */
let kept: number;
/** Serial 2, and in the chain. */
let mandate: Mandate;

beforeEach(async () => {
  node = new ScriptedNode();
  const names = ['alice', 'bob', 'carol', 'dave', 'erin'];
  const actors = await Promise.all(names.map((name) => new Person(node, name).device()));
  [alice, bob, carol, dave, erin] = actors as [Actor, Actor, Actor, Actor, Actor];
  room = await alice.createPrivate(bob, carol, dave, erin);
  mandate = named(2, [bob, carol, dave]);
  await alice.changes.describe(room, { mandate });
  kept = node.channel(room).log.length;
});
afterEach(() => [alice, bob, carol, dave, erin].forEach((actor) => actor.stop()));

const named = (serial: number, admins: Actor[], by: Device = alice.keys, issued?: number) =>
  signMandate(
    by,
    room,
    admins.map(({ userId }) => userId),
    serial,
    issued,
  );
const proposal = (by: Device, changes: Partial<{ last_seq: number; void_to: number; mandate: Mandate }> = {}) => {
  const { mandate: told = mandate, ...end } = changes;
  const home = { channel_id: room, home_node: 'aaaaaaaa', home_epoch: 1, handovers: [] };
  const lost = { last_seq: kept, void_to: kept + VOIDED, ...end };
  return parseProposal(signHandover(by, home, 'bbbbbbbb', { lost, mandate: told }));
};
const word = (by: Actor, others: Actor[], told?: Mandate): Handover => {
  const said = proposal(by.keys, told === undefined ? {} : { mandate: told });
  return { ...said, consents: others.map((one) => signConsent(one.keys, said)) };
};

/** Behind the entries that everybody has, somebody comes; then the home is lost. Answers whether erin's device still knows him. */
const knowsWhoCame = async (words: () => Handover[]): Promise<boolean> => {
  const ghost = await new Person(node, 'ghost').device();
  await alice.changes.invite(room, ghost.userId);
  await ghost.changes.join(room);
  ghost.stop();
  expect((await erin.engine.states.refresh(room)).members).toHaveProperty([ghost.userId]);
  node.loseHome(room, kept, VOIDED);
  const said = words();
  // None is refused for its shape.
  for (const one of said) expect(handoverSchema.safeParse(one).success).toBe(true);
  node.homes.set(room, said);
  return Object.hasOwn((await erin.engine.states.refresh(room)).members, ghost.userId);
};
const consentOf = (device: Device, issued?: number) => (said: ReturnType<typeof proposal>) =>
  signConsent(device, said, issued);
const wordWith = (consent: ReturnType<typeof consentOf>): Handover => {
  const said = proposal(bob.keys);
  return { ...said, consents: [consent(said)] };
};

describe('an encrypted channel that goes on by its admins’ word [DCP-10.2]', () => {
  it('forgets what came behind the end that more than half of them have signed', async () => {
    expect(await knowsWhoCame(() => [word(bob, [carol])])).toBe(false);
    expect(erin.faults.filter((fault) => fault.startsWith('channelConflict'))).toEqual([]);
    await bob.engine.states.refresh(room);
    await bob.say(room, 'we go on');
    await erin.settled();
    expect(erin.texts().at(-1)).toBe('we go on');
  });

  it('by one of one, and by a mandate that is newer than what the chain has', async () => {
    expect(await knowsWhoCame(() => [word(dave, [], named(3, [dave]))])).toBe(false);
  });

  it('when the accounts of all who signed went with their nodes', async () => {
    const gone = () => {
      for (const { userId } of [alice, bob, carol]) node.accounts.delete(userId);
      erin.engine.directory.forgetFreshness();
      return [word(bob, [carol])];
    };
    expect(await knowsWhoCame(gone)).toBe(false);
  });

  it('by a device that was revoked later, and by a consent of some days ago', async () => {
    const said = () => {
      const signed = wordWith(consentOf(carol.keys, Date.now() - 13 * DAY_MS));
      carol.person.revoke(carol.keys);
      return [signed];
    };
    expect(await knowsWhoCame(said)).toBe(false);
  });

  const forger = (of: Actor, with_: Actor): Device => ({ ...of.keys, seed: with_.keys.seed });
  it.each<[string, () => Handover[]]>([
    ['one of three', () => [word(bob, [])]],
    ['one of three, twice', () => [word(bob, [bob])]],
    ['an admin and a member whom the owner has not named', () => [word(bob, [erin])]],
    ['the owner as one of them', () => [word(bob, [alice])]],
    ['an admin with a consent that he has forged', () => [wordWith(consentOf(forger(carol, bob)))]],
    [
      'admins of whom one agreed to another end',
      () => [wordWith(() => signConsent(carol.keys, proposal(bob.keys, { void_to: kept + VOIDED + 1 })))],
    ],
    ['admins whom somebody else has named', () => [word(bob, [carol], named(3, [bob, carol], bob.keys))]],
    [
      'admins by a mandate that they have forged',
      () => [word(bob, [carol], named(3, [bob, carol], forger(alice, bob)))],
    ],
    ['admins by a mandate that the owner has replaced', () => [word(bob, [carol], named(1, [bob, carol]))]],
    [
      'admins of whom one has another name under his device',
      () => [wordWith(consentOf({ ...carol.keys, id: bob.device }))],
    ],
    ['admins of whom one agreed long ago', () => [wordWith(consentOf(carol.keys, Date.now() - 15 * DAY_MS))]],
  ])('forgets nothing by the word of %s', async (_, words) => {
    expect(await knowsWhoCame(words)).toBe(true);
  });

  it('forgets nothing by the word of a device that was revoked before', async () => {
    const said = () => {
      carol.person.revoke(carol.keys);
      return [wordWith(consentOf(carol.keys, Date.now() + 1_000))];
    };
    expect(await knowsWhoCame(said)).toBe(true);
  });

  it('forgets nothing by a mandate from a device of the owner that was revoked before', async () => {
    const said = () => {
      alice.person.revoke(alice.keys);
      return [word(bob, [carol], named(3, [bob, carol], alice.keys, Date.now() + 1_000))];
    };
    expect(await knowsWhoCame(said)).toBe(true);
  });

  it('forgets nothing by the word of somebody whom the owner has named and who is not in it', async () => {
    const frank = await new Person(node, 'frank').device();
    frank.stop();
    expect(await knowsWhoCame(() => [word(frank, [], named(3, [frank]))])).toBe(true);
  });

  it('has nobody take his own removal back', async () => {
    await alice.changes.kick(room, carol.userId);
    await erin.engine.states.refresh(room);
    node.loseHome(room, kept, VOIDED);
    node.homes.set(room, [word(bob, [carol])]);
    expect((await erin.engine.states.refresh(room)).members).not.toHaveProperty([carol.userId]);
    node.homes.set(room, [word(bob, [dave])]);
    expect((await erin.engine.states.refresh(room)).members).toHaveProperty([carol.userId]);
  });

  it('keeps in mind the newest mandate, also one that was taken back with the rest', async () => {
    await alice.changes.describe(room, { mandate: named(5, [dave]) });
    await erin.engine.states.refresh(room);
    expect((await erin.engine.states.get(room)).mandate).toMatchObject({ serial: 5 });
    node.loseHome(room, kept, VOIDED);
    node.homes.set(room, [word(dave, [], named(5, [dave]))]);
    const state = await erin.engine.states.refresh(room);
    expect(state.seq).toBe(kept);
    expect(state.mandate).toMatchObject({ serial: 5, admins: [dave.userId] });
  });
});

describe('a group whose members have signed nothing', () => {
  it('does not take for an admin whom the node shows under another key', async () => {
    const group = await alice.createGroup(bob, carol, erin);
    const { publicKey, seed } = generateEd25519KeyPair();
    const { device, entry } = newDevice({ ...bob.person.identity, seed }, undefined, 'false');
    const isLie = (user: string, viewer: string) => user === bob.userId && viewer === erin.userId;
    node.interference.identityKey = (key, user, viewer) =>
      isLie(user, viewer) ? formatKey('ed25519', publicKey) : key;
    node.interference.log = (log, user, viewer) => (isLie(user, viewer) ? [entry] : log);
    // Known until now by his entry in the other channel.
    await erin.engine.directory.forget(bob.userId);
    kept = node.channel(group).log.length;
    room = group;
    await alice.changes.describe(group, { name: 'behind the end' });
    await erin.engine.states.refresh(group);
    node.loseHome(group, kept, VOIDED);
    node.homes.set(group, [proposal(device, { mandate: named(1, [bob]) })]);
    expect((await erin.engine.states.refresh(group)).title).toBe('behind the end');
    expect((await erin.engine.directory.log(bob.userId))?.devices).toHaveProperty([device.id]);
  });
});
