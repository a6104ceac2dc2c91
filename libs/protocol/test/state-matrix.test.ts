import { describe, expect, it } from '@jest/globals';
import {
  DcpError,
  stateEffect,
  SYSTEM_ACTIONS,
  type ChannelRole,
  type StateEntry,
  type StateFacts,
  type SystemAction,
  type UserStanding,
} from '../src/index.js';
import { ALICE, BOB, entryOf, factsOf, KEY, LINK, OTHER_KEY } from './support/state-entries.js';

/** What the rules are asked: an action of Alice's, about herself or about Bob. */
interface Question {
  entry: StateEntry;
  facts: StateFacts;
  self: boolean;
}
type Row = [when: (question: Question) => boolean, then: string];

const always = () => true;
const actor = (is: (standing: UserStanding) => boolean) => (question: Question) => is(question.facts.actor);
const target = (is: (standing: UserStanding) => boolean) => (question: Question) => is(question.facts.target);
const member = ({ role }: UserStanding) => role !== null;
const stranger = ({ role }: UserStanding) => role === null;
const notOwner = ({ role }: UserStanding) => role !== 'owner';
const banned = (standing: UserStanding) => standing.banned;
const isPublic = ({ facts }: Question) => facts.visibility === 'public';
const self = (question: Question) => question.self;
const other = (question: Question) => !question.self;
const needsInvitation = ({ facts }: Question) => facts.visibility !== 'public' && facts.link === undefined;

/** The table of the rules: for each action the first row that holds decides. `+` means that the key epoch grows. */
const TABLE: Record<Exclude<SystemAction, 'channel_created'>, Row[]> = {
  user_joined: [
    [other, '2000 not the author'],
    [actor(member), '2007 user_joined'],
    [actor(banned), '1002 banned'],
    [(question) => needsInvitation(question) && question.facts.actor.invitedKey === null, '1002 not_invited'],
    [(question) => needsInvitation(question) && question.facts.actor.invitedKey !== KEY, '1002 other_identity_key'],
    [always, 'joined'],
  ],
  user_left: [
    [other, '2000 not the author'],
    [actor(stranger), '2007 user_left'],
    [isPublic, 'left'],
    [always, 'left +'],
  ],
  user_invited: [
    [actor(stranger), '1002 not_a_member'],
    [target(member), '2007 user_joined'],
    [target(banned), '1002 banned'],
    [target(({ invitedKey }) => invitedKey === KEY), '2007 user_invited'],
    [always, 'invited'],
  ],
  invitation_revoked: [
    [(question) => question.facts.actor.role === null && !question.self, '1002 not_a_member'],
    [target(({ invitedKey }) => invitedKey === null), '2007 invitation_revoked'],
    [always, 'uninvited'],
  ],
  user_removed: [
    [actor(notOwner), '1002 not_the_owner'],
    [self, '2000 leave_instead'],
    [target(stranger), '2007 user_removed'],
    [isPublic, 'removed'],
    [always, 'removed +'],
  ],
  user_banned: [
    [actor(notOwner), '1002 not_the_owner'],
    [self, '2000 leave_instead'],
    [target(banned), '2007 user_banned'],
    [always, 'banned +'],
  ],
  user_unbanned: [
    [actor(notOwner), '1002 not_the_owner'],
    [target((standing) => !standing.banned), '2007 user_unbanned'],
    [always, 'unbanned'],
  ],
  link_created: [
    [actor(stranger), '1002 not_a_member'],
    [({ facts }) => facts.visibility !== 'private', '2000 not_a_private_channel'],
    [always, 'linked'],
  ],
  link_revoked: [
    [actor(stranger), '1002 not_a_member'],
    [({ facts }) => facts.link === undefined, '2007 link_revoked'],
    [always, 'unlinked'],
  ],
  settings_changed: [
    [actor(notOwner), '1002 not_the_owner'],
    [always, 'settings'],
  ],
};

const ACTIONS = SYSTEM_ACTIONS.filter((action) => action !== 'channel_created');
const ROLES: (ChannelRole | null)[] = [null, 'member', 'owner'];
const STANDINGS: UserStanding[] = ROLES.flatMap((role) =>
  [null, KEY, OTHER_KEY].flatMap((invitedKey) =>
    [false, true].map((isBanned) => ({ role, invitedKey, banned: isBanned })),
  ),
);

/** Every standing of the actor, with himself as target and with somebody else of every standing. */
function* questions(action: SystemAction): Generator<Question> {
  for (const visibility of ['public', 'private', 'group'] as const)
    for (const link of [undefined, LINK])
      for (const acting of STANDINGS) {
        const facts = factsOf({ visibility, link, actor: acting });
        yield { entry: entryOf(action, { target: ALICE }), facts: { ...facts, target: acting }, self: true };
        for (const affected of STANDINGS)
          yield { entry: entryOf(action, { target: BOB }), facts: { ...facts, target: affected }, self: false };
      }
}

/** The effect, or the error's number and what it says. */
function answer({ entry, facts }: Pick<Question, 'entry' | 'facts'>): string {
  try {
    const { kind, rekey } = stateEffect(entry, facts);
    return rekey ? `${kind} +` : kind;
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    const { reason, what } = error.details;
    return `${error.number} ${String(reason === 'already' ? what : reason)}`;
  }
}

const expected = (action: keyof typeof TABLE, question: Question) =>
  TABLE[action].find(([when]) => when(question))?.[1];

describe('the rules of the state chain (profile §4), whole', () => {
  it.each(ACTIONS)('%s: every role, standing and visibility, exactly as the table says', (action) => {
    const seen = new Set<string>();
    const wrong: unknown[] = [];
    for (const question of questions(action)) {
      const given = answer(question);
      seen.add(given);
      if (given !== expected(action, question))
        wrong.push({ given, expected: expected(action, question), ...question });
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    // No row of the table is dead.
    expect([...seen].sort()).toEqual([...new Set(TABLE[action].map(([, then]) => then))].sort());
  });

  it.each(ACTIONS)('%s is refused before the chain has begun, whoever asks', (action) => {
    const given = new Set(
      [...questions(action)].map(({ entry, facts }) => answer({ entry, facts: { ...facts, created: false } })),
    );
    expect([...given]).toEqual(['2000 chain_not_begun']);
  });

  it.each(SYSTEM_ACTIONS)('%s in somebody else’s name is refused, whoever asks', (action) => {
    const forged = entryOf(action, { actor: BOB });
    const given = new Set([...questions(action)].map(({ facts }) => answer({ entry: forged, facts })));
    expect([...given]).toEqual(['2000 actor']);
  });

  it('a refusal changes nothing that it was given', () => {
    for (const action of ACTIONS)
      for (const question of questions(action)) {
        const before = JSON.stringify(question);
        answer(question);
        if (JSON.stringify(question) !== before) throw new Error(`${action} changed its input`);
      }
  });
});
