import { describe, expect, it } from '@jest/globals';
import { linkGrant, linkKeyOf, MAX_LINK_DAYS, stateEffect } from './channel-state.js';
import { DcpError } from './errors.js';
import type { SystemAction } from './messages.js';
import { ALICE, BOB, entryOf, factsOf, KEY, LINK, OTHER_KEY, standing } from '../test/support/state-entries.js';

/** Five users try: who owns the channel, a member, who is invited, who is banned, a stranger. */
const FIVE = {
  owner: standing('owner'),
  member: standing('member'),
  invited: standing(null, { invitedKey: KEY }),
  banned: standing(null, { banned: true }),
  stranger: standing(null),
};

/** Who may, in a private channel; the others get 1002. */
function whoMay(action: SystemAction, target = standing('member'), link?: { key: string }): string[] {
  return Object.entries(FIVE).flatMap(([name, actor]) => {
    try {
      stateEffect(entryOf(action, { target: BOB }), factsOf({ actor, target, link }));
      return [name];
    } catch (error) {
      expect([name, (error as DcpError).number]).toEqual([name, 1002]);
      return [];
    }
  });
}

const refusal = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as DcpError).details;
  }
};

describe('five users, five tries', () => {
  it('[DCP-9.3-05] owner and members invite, and withdraw invitations; three get 1002', () => {
    expect(whoMay('user_invited', FIVE.stranger)).toEqual(['owner', 'member']);
    expect(whoMay('invitation_revoked', FIVE.invited)).toEqual(['owner', 'member']);
  });

  it('[DCP-9.2-03] owner and members make and revoke links; three get 1002', () => {
    expect(whoMay('link_created')).toEqual(['owner', 'member']);
    expect(whoMay('link_revoked', undefined, LINK)).toEqual(['owner', 'member']);
  });

  it('[DCP-9.3-06] only the owner removes, bans and lifts bans; four get 1002', () => {
    expect(whoMay('user_removed')).toEqual(['owner']);
    expect(whoMay('user_banned')).toEqual(['owner']);
    expect(whoMay('user_unbanned', FIVE.banned)).toEqual(['owner']);
  });

  it('[DCP-9.3-07] only the owner changes settings; four get 1002', () => {
    expect(whoMay('settings_changed')).toEqual(['owner']);
  });

  it('[DCP-9.2-02] only who is invited, under the key he was invited with, joins a private channel', () => {
    const join = (actor: ReturnType<typeof standing>, key = KEY) =>
      refusal(() =>
        stateEffect(entryOf('user_joined', { details: { identity_key: key } }), factsOf({ actor, target: actor })),
      );
    expect(join(FIVE.invited)).toEqual({ kind: 'joined', user: ALICE, identityKey: KEY, rekey: false });
    expect(join(FIVE.invited, OTHER_KEY)).toEqual({ reason: 'other_identity_key' });
    expect(join(FIVE.stranger)).toEqual({ reason: 'not_invited' });
    expect(join(FIVE.banned)).toEqual({ reason: 'banned' });
    expect(join(FIVE.member)).toEqual({ reason: 'already', what: 'user_joined' });
  });
});

describe('the first entry', () => {
  const begin = (more: Parameters<typeof factsOf>[0], prevState: string | null = null) =>
    refusal(() =>
      stateEffect(entryOf('channel_created', { target: '#x', prevState }), factsOf({ created: false, ...more })),
    );

  it('is the creator’s, follows nothing, and comes once', () => {
    expect(begin({})).toEqual({ kind: 'created', rekey: false });
    expect(begin({ creator: BOB })).toEqual({ reason: 'not_the_creator' });
    expect(begin({}, `sha256:${'0'.repeat(64)}`)).toEqual({ reason: 'not_the_first', path: 'prev_state' });
    expect(begin({ created: true })).toEqual({ reason: 'already', what: 'channel_created' });
  });
});

describe('what an entry carries', () => {
  const owner = factsOf({ actor: standing('owner') });
  const said = (action: SystemAction, details: Record<string, unknown>, facts = owner) =>
    refusal(() => stateEffect(entryOf(action, { target: BOB, details }), facts));

  it.each([
    undefined,
    null,
    7,
    '',
    'ed25519:',
    `ed25519:${'A'.repeat(42)}=`,
    `x25519:${'A'.repeat(43)}=`,
    `${KEY}\n`,
    [KEY],
  ])('%j is no key, for an invitation, a join or a link', (bad) => {
    const path = (name: string) => ({ reason: 'not an ed25519: key', path: `content.details.${name}` });
    expect(said('user_invited', { identity_key: bad })).toEqual(path('identity_key'));
    expect(said('link_created', { key: bad, expires: '2026-11-02T10:00:00Z' })).toEqual(path('key'));
    const joining = entryOf('user_joined', { details: { identity_key: bad } });
    expect(refusal(() => stateEffect(joining, factsOf({ visibility: 'public' })))).toEqual(path('identity_key'));
  });

  it('a link lives longer than no time, and ninety days at most', () => {
    const after = (ms: number) => new Date(Date.parse('2026-11-01T10:00:00.000Z') + ms).toISOString();
    const longest = MAX_LINK_DAYS * 86_400_000;
    for (const ms of [1, longest])
      expect(said('link_created', { key: LINK.key, expires: after(ms) })).toMatchObject({ kind: 'linked', ...LINK });
    for (const expires of [after(0), after(-1), after(longest + 1), 'soon', '', undefined, null, {}])
      expect(said('link_created', { key: LINK.key, expires })).toMatchObject({ reason: 'link_lifetime' });
  });

  it('[DCP-9.3-07] a title has 100 characters, a description 1,000, as people count them', () => {
    const longest = { name: '😀'.repeat(100), description: 'é'.repeat(1_000) };
    expect(said('settings_changed', longest)).toEqual({
      kind: 'settings',
      title: longest.name,
      description: longest.description,
      rekey: false,
    });
    expect(said('settings_changed', {})).toEqual({ kind: 'settings', rekey: false });
    for (const bad of [
      { name: 'x'.repeat(101) },
      { description: 'x'.repeat(1_001) },
      { name: 7 },
      { description: null },
    ])
      expect(said('settings_changed', bad)).toMatchObject({ path: 'content.details' });
  });

  it('an invitation under another key takes the place of the first', () => {
    const target = standing(null, { invitedKey: OTHER_KEY });
    const facts = factsOf({ actor: standing('member'), target });
    expect(said('user_invited', { identity_key: KEY }, facts)).toMatchObject({ kind: 'invited', identityKey: KEY });
  });

  it('who is invited may decline, whatever else he is not', () => {
    const invited = standing(null, { invitedKey: KEY });
    const entry = entryOf('invitation_revoked', { target: ALICE });
    expect(stateEffect(entry, factsOf({ actor: invited, target: invited }))).toMatchObject({
      kind: 'uninvited',
      user: ALICE,
    });
  });
});

describe('invite links', () => {
  it('are named by link.key where somebody joins, and by key where one is revoked', () => {
    const link = { key: LINK.key, proof: 'ed25519:AAAA' };
    expect(linkKeyOf(entryOf('user_joined', { details: { identity_key: KEY, link } }))).toBe(LINK.key);
    expect(linkKeyOf(entryOf('link_revoked'))).toBe(LINK.key);
    expect(linkKeyOf(entryOf('user_joined', { details: { identity_key: KEY, key: LINK.key } }))).toBeUndefined();
  });

  it.each([undefined, null, 'text', 7, {}, { key: 7 }, { key: null }, [LINK.key]])(
    'a link that is %j names none',
    (link) => {
      expect(linkKeyOf(entryOf('user_joined', { details: { identity_key: KEY, link } }))).toBeUndefined();
    },
  );

  it('a grant names channel and user, so that it serves nobody else and nowhere else', () => {
    expect(linkGrant('ch_x', ALICE)).toEqual({ channel_id: 'ch_x', user_id: ALICE, grant: 'join' });
  });
});
