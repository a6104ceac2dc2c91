import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { formatHash, parseKey, ready, sha256, verifySigned } from '@dcp/crypto';
import {
  checkAuthors,
  consentInput,
  DcpError,
  type Handover,
  handoverInput,
  handoverSchema,
  type Mandate,
  mandateInput,
} from '@dcp/protocol';
import { type ChannelHome, ChannelHomes } from '../src/channel-homes.js';
import type { HomeSurvey } from '../src/home-survey.js';
import { signMandate } from '../src/mandates.js';
import { type Proposal, signConsent } from '../src/proposals.js';
import { deviceKey } from '../src/session/device.js';
import { signHandover } from '../src/sign-handover.js';
import { type Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** What an owner signs in advance, and what his admins sign when the home of his channel is lost. */

const channel_id = `ch_${'a'.repeat(52)}`;
const DAY_MS = 86_400_000;

beforeAll(ready);

let anna: Actor;
let bob: Actor;
let carol: Actor;
let dave: Actor;
let home: ChannelHome;
let survey: HomeSurvey;
let posted: Handover[];
let paths: string[];
let mandate: Mandate;

beforeEach(async () => {
  const node = new ScriptedNode();
  const actors = await Promise.all(['anna', 'bob', 'carol', 'dave'].map((name) => new Person(node, name).device()));
  [anna, bob, carol, dave] = actors as [Actor, Actor, Actor, Actor];
  mandate = named(4, bob, carol, dave);
  const place = { channel: '#x', channel_id, home_node: 'aaaaaaaa', home_epoch: 1 };
  home = { ...place, state: 'settled', handovers: [], mandate };
  const nodes: HomeSurvey['nodes'] = [
    { node_id: 'bbbbbbbb', first_seq: 1, last_seq: 40 },
    { node_id: 'cccccccc', first_seq: 1, last_seq: 30 },
    { node_id: 'dddddddd', error: 'NODE_UNREACHABLE' },
    { node_id: 'eeeeeeee', error: 'CHANNEL_NOT_FOUND' },
  ];
  survey = { ...place, home_answers: false, nodes, mandate };
  [posted, paths] = [[], []];
});
afterEach(() => [anna, bob, carol, dave].forEach((actor) => actor.stop()));

const named = (serial: number, ...admins: Actor[]) =>
  signMandate(
    anna.keys,
    channel_id,
    admins.map(({ userId }) => userId),
    serial,
  );
const none = () => Promise.reject(new Error('none'));
const homesOf = (actor: Actor, setMandate: (channelId: string, mandate: Mandate) => Promise<unknown> = none) => {
  const rest = (path: string, request?: { body?: unknown }): Promise<unknown> => {
    paths.push(path);
    if (request?.body !== undefined) posted.push((request.body as { handover: Handover }).handover);
    return Promise.resolve(structuredClone(path.endsWith('/survey') ? survey : home));
  };
  return new ChannelHomes(actor.keys, { rest, command: none } as never, setMandate);
};
const reason = (code: string, name: string) => ({ code, details: { reason: name } });
const isSignedBy = (actor: Actor, input: Uint8Array, signature: string) =>
  verifySigned(parseKey(deviceKey(actor.keys)).bytes, input, signature);

describe('the mandate of an owner [DCP-10.2]', () => {
  const appoint = async (refusals: DcpError[], ...admins: Actor[]) => {
    const sets: Mandate[] = [];
    const set = (channelId: string, told: Mandate) => {
      expect(channelId).toBe(channel_id);
      sets.push(told);
      const refusal = refusals.shift();
      return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
    };
    const users = admins.map(({ userId }) => userId);
    const answer = await homesOf(anna, set)
      .appoint('#x', users)
      .catch((error: unknown) => error);
    return { answer, sets };
  };
  const old = (serial: number) => new DcpError('CONFLICT', { reason: 'old_mandate', serial });

  it('names his admins, or nobody any more, under the next number', async () => {
    const { answer, sets } = await appoint([], bob, carol);
    expect(answer).toEqual(sets[0]);
    expect(sets[0]).toMatchObject({ serial: 5, admins: [bob.userId, carol.userId], author: anna.userId, channel_id });
    expect(isSignedBy(anna, mandateInput(sets[0] ?? {}), sets[0]?.signature ?? '')).toBe(true);
    home = { ...home, mandate: undefined };
    expect((await appoint([])).sets).toMatchObject([{ serial: 1, admins: [] }]);
  });

  it('is signed once more where the home knows a later one than the own node', async () => {
    const { answer, sets } = await appoint([old(7)], bob);
    expect(sets.map(({ serial }) => serial)).toEqual([5, 8]);
    expect(answer).toEqual(sets[1]);
  });

  it('is not tried for ever, nor where it is refused for good', async () => {
    expect(await appoint([old(7), old(9)], bob)).toMatchObject({
      answer: old(9),
      sets: [{ serial: 5 }, { serial: 8 }],
    });
    const denied = new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_the_owner' });
    expect(await appoint([denied], bob)).toMatchObject({ answer: denied, sets: [{}] });
  });

  it('names nobody twice', async () => {
    const { answer, sets } = await appoint([], bob, bob);
    expect(answer).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    expect(sets).toEqual([]);
  });
});

describe('an admin’s proposal', () => {
  it('says what the owner would say, by the newest mandate that any node knows', async () => {
    survey.mandate = named(5, bob, carol);
    const proposal = await homesOf(bob).propose('#x', undefined, { via: 'b.example' });
    expect(handoverSchema.safeParse(proposal).success).toBe(true);
    const end = { to_node: 'bbbbbbbb', last_seq: 40, void_to: 1_040, via: 'b.example', kind: 'lost' };
    expect(proposal).toMatchObject({ ...end, author: bob.userId, epoch: 2, prev: null, mandate: { serial: 5 } });
    expect(isSignedBy(bob, handoverInput(proposal), proposal.signature)).toBe(true);
    expect(posted).toEqual([]);
    expect(await homesOf(bob).propose('#x', 'cccccccc')).toMatchObject({ to_node: 'cccccccc', last_seq: 30 });
  });

  it('is made by nobody whom the owner has not named', async () => {
    await expect(homesOf(anna).propose('#x')).rejects.toMatchObject(reason('INSUFFICIENT_PERMISSIONS', 'not_an_admin'));
    survey.mandate = named(5, carol);
    await expect(homesOf(bob).propose('#x')).rejects.toMatchObject(reason('INSUFFICIENT_PERMISSIONS', 'not_an_admin'));
    survey.mandate = named(6);
    await expect(homesOf(bob).propose('#x')).rejects.toMatchObject(reason('CONFLICT', 'no_mandate'));
    home.mandate = undefined;
    survey.mandate = { ...mandate, channel_id: `ch_${'b'.repeat(52)}` };
    await expect(homesOf(bob).propose('#x')).rejects.toMatchObject(reason('CONFLICT', 'no_mandate'));
  });

  it('is made of no home that answers, and for no node that is away', async () => {
    await expect(homesOf(bob).propose('#x', 'dddddddd')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    survey.home_answers = true;
    await expect(homesOf(bob).propose('#x')).rejects.toMatchObject(reason('CONFLICT', 'home_answers'));
  });
});

describe('an admin’s consent', () => {
  it('is his signature under the same words, where his own node says the same', async () => {
    const proposal = await homesOf(bob).propose('#x');
    const consent = await homesOf(carol).agree(JSON.parse(JSON.stringify(proposal)));
    expect(consent).toMatchObject({ author: carol.userId, device: carol.device });
    expect(isSignedBy(carol, consentInput(proposal, consent), consent.signature)).toBe(true);
    expect(paths.slice(-2)).toEqual([`/channels/${channel_id}/home/survey`, `/channels/${channel_id}/home`]);
    expect(posted).toEqual([]);
  });

  it('is given for a node that did not say what it has: it knows itself whether it stands there', async () => {
    const lost = { last_seq: 35, void_to: 1_040 };
    const proposal = signHandover(bob.keys, home, 'dddddddd', { lost, mandate });
    expect(await homesOf(carol).agree(proposal)).toMatchObject({ author: carol.userId });
  });

  const good = { last_seq: 40, void_to: 1_040 };
  const said = (changes: object, by = bob) => {
    const { toNode = 'bbbbbbbb', ...rest } = changes as { toNode?: string };
    return signHandover(by.keys, home, toNode, { lost: good, mandate, ...rest });
  };
  it.each<[string, () => unknown, object]>([
    ['something else', () => ({ hello: 1 }), { code: 'INVALID_MESSAGE_FORMAT' }],
    [
      'a hand-over of a home that is there',
      () => signHandover(bob.keys, home, 'bbbbbbbb'),
      { code: 'INVALID_MESSAGE_FORMAT' },
    ],
    ['a hand-over without a mandate', () => said({ mandate: undefined }), { code: 'INVALID_MESSAGE_FORMAT' }],
    [
      'a proposal that says more than is known here',
      () => ({ ...said({}), more: 'x' }),
      { code: 'INVALID_MESSAGE_FORMAT' },
    ],
    [
      'a mandate of another channel',
      () => said({ mandate: { ...mandate, channel_id: `ch_${'b'.repeat(52)}` } }),
      { code: 'INVALID_MESSAGE_FORMAT' },
    ],
    [
      'a mandate that does not name this user',
      () => said({ mandate: named(5, bob) }),
      reason('INSUFFICIENT_PERMISSIONS', 'not_an_admin'),
    ],
    ['the proposal of somebody who is not named', () => said({}, anna), reason('FEDERATION_ERROR', 'handover_author')],
    [
      'a mandate of somebody else',
      () => said({ mandate: signMandate(bob.keys, channel_id, [bob.userId, carol.userId], 5) }),
      reason('FEDERATION_ERROR', 'handover_author'),
    ],
    [
      'a mandate that was replaced',
      () => said({ mandate: named(3, bob, carol) }),
      { code: 'FEDERATION_ERROR', details: { reason: 'old_mandate', serial: 4 } },
    ],
    ['another home', () => ({ ...said({}), from_node: 'ffffffff' }), reason('FEDERATION_ERROR', 'handover_chain')],
    ['another epoch', () => ({ ...said({}), epoch: 3 }), reason('FEDERATION_ERROR', 'handover_chain')],
    [
      'another chain',
      () => ({ ...said({}), prev: formatHash(sha256(new Uint8Array(1))) }),
      reason('FEDERATION_ERROR', 'handover_chain'),
    ],
    ['another end', () => said({ lost: { ...good, last_seq: 39 } }), reason('CONFLICT', 'another_end')],
    [
      'an end that gives numbers a second time',
      () => said({ lost: { last_seq: 30, void_to: 39 }, toNode: 'cccccccc' }),
      reason('CONFLICT', 'too_far_behind'),
    ],
    ['a node of no member', () => said({ toNode: 'ffffffff' }), reason('CONFLICT', 'no_member')],
    ['a node without the channel', () => said({ toNode: 'eeeeeeee' }), reason('CONFLICT', 'no_member')],
  ])('is not given under %s', async (_, proposal, refusal) => {
    await expect(homesOf(carol).agree(proposal())).rejects.toMatchObject(refusal);
  });

  it('is not given while the home answers this user’s node, nor when the channel has gone on meanwhile', async () => {
    const proposal = await homesOf(bob).propose('#x');
    survey.home_answers = true;
    await expect(homesOf(carol).agree(proposal)).rejects.toMatchObject(reason('CONFLICT', 'home_answers'));
    survey = { ...survey, home_answers: false, home_node: 'bbbbbbbb', home_epoch: 2 };
    await expect(homesOf(carol).agree(proposal)).rejects.toMatchObject(reason('FEDERATION_ERROR', 'handover_chain'));
  });
});

describe('a lost home that admins replace', () => {
  const quorum = (needed: number, have: number) => ({
    code: 'FEDERATION_ERROR',
    details: { reason: 'quorum', needed, have },
  });
  const expectGood = (handover: Handover | undefined, ...by: Actor[]) => {
    expect(handoverSchema.safeParse(handover).success).toBe(true);
    if (handover === undefined) return;
    expect(() => checkAuthors(handover, channel_id, anna.userId)).not.toThrow();
    const [author, ...others] = by;
    expect(handover.author).toBe(author?.userId);
    expect(author !== undefined && isSignedBy(author, handoverInput(handover), handover.signature)).toBe(true);
    expect(handover.consents?.map((consent) => consent.author)).toEqual(others.map(({ userId }) => userId));
    for (const [i, consent] of (handover.consents ?? []).entries())
      expect(isSignedBy(others[i] as Actor, consentInput(handover, consent), consent.signature)).toBe(true);
  };

  it('goes on by him who has enough consents: the proposer’s own signature is one', async () => {
    const proposal = await homesOf(bob).propose('#x');
    await homesOf(carol).replace('#x', undefined, { proposal });
    expectGood(posted[0], carol, bob);
    const consents = [await homesOf(carol).agree(proposal), await homesOf(dave).agree(proposal)];
    await homesOf(bob).replace('#x', undefined, { proposal, consents });
    expectGood(posted[1], bob, carol, dave);
    await homesOf(dave).replace('#x', 'bbbbbbbb', { proposal, consents: [...consents, ...consents] });
    expectGood(posted[2], dave, bob, carol);
  });

  it('is signed anew whenever it is brought to the node', async () => {
    const words = signHandover(bob.keys, home, 'bbbbbbbb', {
      lost: { last_seq: 40, void_to: 1_040 },
      mandate,
      now: Date.now() - 13 * DAY_MS,
    }) as Proposal;
    const consents = [signConsent(carol.keys, words, Date.now() - 12 * DAY_MS)];
    await homesOf(bob).replace('#x', undefined, { proposal: words, consents });
    expectGood(posted[0], bob, carol);
    expect(Date.now() - Date.parse(posted[0]?.issued ?? '')).toBeLessThan(60_000);
  });

  it('says how many are missing, and posts nothing', async () => {
    survey.mandate = named(5, bob, carol, dave, anna);
    await expect(homesOf(bob).replace('#x')).rejects.toMatchObject(quorum(3, 1));
    const proposal = await homesOf(bob).propose('#x');
    await expect(homesOf(carol).replace('#x', undefined, { proposal })).rejects.toMatchObject(quorum(3, 2));
    expect(posted).toEqual([]);
  });

  it('needs nobody else where one admin is enough', async () => {
    survey.mandate = named(5, bob);
    await homesOf(bob).replace('#x', 'cccccccc');
    expectGood(posted[0], bob);
    expect(posted[0]).toMatchObject({ to_node: 'cccccccc', last_seq: 30, mandate: { serial: 5 } });
  });

  it('is refused with consents that are too old, of strangers, or in no shape', async () => {
    const proposal = await homesOf(bob).propose('#x');
    const replace = (...consents: unknown[]) =>
      homesOf(bob).replace('#x', undefined, { proposal, consents: consents as never });
    const old = signConsent(carol.keys, proposal, Date.now() - 15 * DAY_MS);
    await expect(replace(old)).rejects.toMatchObject(reason('FEDERATION_ERROR', 'consent_time'));
    const foreign = signConsent(anna.keys, proposal);
    await expect(replace(foreign)).rejects.toMatchObject(reason('FEDERATION_ERROR', 'handover_author'));
    await expect(replace({ author: 1 })).rejects.toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    expect(posted).toEqual([]);
  });

  it('is not moved by a proposal that one would not agree to', async () => {
    const proposal = await homesOf(bob).propose('#x');
    const replace = (said: Proposal, toNode?: string) => homesOf(carol).replace('#x', toNode, { proposal: said });
    await expect(replace({ ...proposal, epoch: 3 })).rejects.toMatchObject(
      reason('FEDERATION_ERROR', 'handover_chain'),
    );
    await expect(replace(proposal, 'cccccccc')).rejects.toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    survey.mandate = named(5, bob, dave);
    await expect(replace(proposal)).rejects.toMatchObject(reason('FEDERATION_ERROR', 'old_mandate'));
    expect(posted).toEqual([]);
  });

  it('is the owner’s to replace alone, as before', async () => {
    await homesOf(anna).replace('#x');
    expect(posted[0]).toMatchObject({ author: anna.userId, kind: 'lost', to_node: 'bbbbbbbb' });
    expect(posted[0]?.mandate).toBeUndefined();
    const proposal = await homesOf(bob).propose('#x', 'cccccccc');
    await homesOf(anna).replace('#x', undefined, { proposal });
    expect(posted[1]).toMatchObject({ author: anna.userId, to_node: 'cccccccc' });
    expect(posted[1]?.mandate).toBeUndefined();
  });
});
