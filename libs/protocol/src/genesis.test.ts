import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DcpError } from './errors.js';
import { channelIdInput, genesisSchema, MAX_GROUP_MEMBERS, signedGenesisSchema, type Genesis } from './genesis.js';
import { parseWith } from './validation.js';

const KEY = `ed25519:${'A'.repeat(43)}=`;
const ALICE = 'a7f3k9m2.alice-7x9k';

const genesis = (more: Record<string, unknown> = {}): Genesis => ({
  version: '1.0',
  name: '#dm/abcdefghij23',
  home_node: 'a7f3k9m2',
  encryption: 'e2ee',
  visibility: 'group',
  creator: ALICE,
  creator_key: KEY,
  created: '2026-11-01T10:00:00.000Z',
  random: 'r'.repeat(32),
  ...more,
});
const members = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ user_id: `a7f3k9m2.user-${at}`, identity_key: KEY }));

const fault = (value: unknown): unknown => {
  try {
    parseWith(genesisSchema, value);
    return undefined;
  } catch (error) {
    return (error as DcpError).details['path'];
  }
};

describe('the genesis of a channel (profile §2)', () => {
  it('[DCP-9.2-06] a group begins with two to 64 members, each with an identity key', () => {
    for (const count of [2, MAX_GROUP_MEMBERS]) expect(fault(genesis({ members: members(count) }))).toBeUndefined();
    for (const count of [0, 1, MAX_GROUP_MEMBERS + 1])
      expect(fault(genesis({ members: members(count) }))).toBe('members');
    const [first] = members(1);
    const bad: [string, object][] = [
      ['user_id', { ...first, user_id: 'bob' }],
      ['identity_key', { user_id: ALICE }],
      ['identity_key', { ...first, identity_key: `x25519:${'A'.repeat(43)}=` }],
    ];
    for (const [member, one] of bad) expect(fault(genesis({ members: [first, one] }))).toBe(`members.1.${member}`);
  });

  it('a channel that is no group has none', () => {
    expect(fault(genesis({ visibility: 'private', name: '#secret' }))).toBeUndefined();
  });

  it('a DM has no genesis: nobody can make one that says it is one', () => {
    expect(fault(genesis({ visibility: 'dm' }))).toBe('visibility');
  });

  it.each([
    ['version', ['1.1', 1, null]],
    ['name', ['x'.repeat(101), null]],
    ['home_node', ['A7F3K9M2', 'a7f3k9m', '']],
    ['encryption', ['none', 'E2EE', null, undefined]],
    ['visibility', ['hidden', 'Private', null, undefined]],
    ['creator_key', ['', `x25519:${'A'.repeat(43)}=`, null]],
    ['created', ['yesterday', '2026-11-01T10:00:00+01:00', null]],
    ['random', ['r'.repeat(21), 'r'.repeat(65), null]],
  ])('%s is checked', (member, values) => {
    for (const value of values) expect(fault(genesis({ [member]: value }))).toBe(member);
  });

  it('comes with a signature', () => {
    expect(() => parseWith(signedGenesisSchema, { genesis: genesis(), signature: null })).toThrow();
    expect(() => parseWith(signedGenesisSchema, { genesis: null, signature: 'ed25519:AAAA' })).toThrow();
  });

  it('the channel’s id covers every member, those that this version does not know included', () => {
    const whole = genesis({ members: members(3), later: 1 });
    const id = (of: Genesis) => Buffer.from(channelIdInput(of)).toString('utf8');
    for (const member of Object.keys(whole)) {
      const { [member]: _gone, ...rest } = whole as Record<string, unknown>;
      expect([member, id(rest as Genesis) === id(whole)]).toEqual([member, false]);
    }
    expect(id(parseWith(genesisSchema, whole))).toBe(id(whole));
    const grown = { ...whole, members: members(4) };
    const otherKey = { ...whole, members: [...members(2), { ...members(3)[2], identity_key: KEY.replace('A', 'B') }] };
    for (const other of [grown, otherKey]) expect(id(other as Genesis)).not.toBe(id(whole));
  });

  it('the order in which members of the object were written does not matter', () => {
    const whole = genesis({ members: members(2) });
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.entries(whole), { minLength: Object.keys(whole).length }), (entries) => {
        expect(channelIdInput(Object.fromEntries(entries) as Genesis)).toEqual(channelIdInput(whole));
      }),
    );
  });
});
