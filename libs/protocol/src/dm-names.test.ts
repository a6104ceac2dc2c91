import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DcpError } from './errors.js';
import { dmChannelIdInput } from './genesis.js';
import {
  channelNameFault,
  checkNewChannelName,
  dmName,
  GROUP_NAME,
  parseChannelReference,
  viewerName,
} from './names.js';

const [ALICE, BOB] = ['a7f3k9m2.alice-river-7x9k', 'b8x1n5p4.bob-smith-2x1m'];
const letter = (characters: string) => fc.constantFrom(...characters);
const SMALL = 'abcdefghijklmnopqrstuvwxyz0123456789';
const userId = fc
  .tuple(
    fc.string({ unit: letter(SMALL), minLength: 8, maxLength: 8 }),
    letter(SMALL),
    fc.string({ unit: letter(`${SMALL}_-`), minLength: 2, maxLength: 62 }),
  )
  .map(([node, first, rest]) => `${node}.${first}${rest}`);

describe('DMs (§9.2)', () => {
  it('[DCP-9.2-05] have one name on the node, and for each side the other’s address', () => {
    expect(dmName(BOB, ALICE)).toBe(`@${ALICE},${BOB}`);
    expect(viewerName(dmName(ALICE, BOB), ALICE)).toBe(`@${BOB}`);
    expect(viewerName(dmName(ALICE, BOB), BOB)).toBe(`@${ALICE}`);
    expect(parseChannelReference(`@${BOB}`)).toEqual({ dmWith: BOB });
  });

  it('[DCP-9.2-04] [DCP-9.2-05] whoever the two are, both see one conversation', () => {
    fc.assert(
      fc.property(userId, userId, (a, b) => {
        expect(dmName(a, b)).toBe(dmName(b, a));
        expect(dmChannelIdInput(a, b)).toEqual(dmChannelIdInput(b, a));
        for (const [own, other] of [
          [a, b],
          [b, a],
        ] as const)
          expect(parseChannelReference(viewerName(dmName(a, b), own))).toEqual({ dmWith: other });
      }),
    );
  });

  it('different pairs have different names and ids', () => {
    fc.assert(
      fc.property(userId, userId, userId, (a, b, c) => {
        fc.pre(b !== c);
        expect(dmName(a, b)).not.toBe(dmName(a, c));
        expect(Buffer.from(dmChannelIdInput(a, b)).equals(dmChannelIdInput(a, c))).toBe(false);
      }),
    );
  });

  it('notes to oneself are a DM too', () => {
    expect(viewerName(dmName(ALICE, ALICE), ALICE)).toBe(`@${ALICE}`);
  });

  it('the id is made of RFC 8785 of the sorted pair', () => {
    expect(new TextDecoder().decode(dmChannelIdInput(BOB, ALICE))).toBe(`["${ALICE}","${BOB}"]`);
  });

  it('no name of a channel can be taken for a DM’s, and none is made by hand', () => {
    for (const name of [dmName(ALICE, BOB), `@${BOB}`]) {
      expect(channelNameFault(name)).toBe('must_start_with_hash');
      expect(() => checkNewChannelName(name)).toThrow(DcpError);
    }
  });

  it.each([
    '@',
    '@bob',
    '@a7f3k9m2',
    '@a7f3k9m2.',
    '@a7f3k9m2.x',
    '@A7F3K9M2.bob',
    `@${ALICE},${BOB}`,
    `@@${BOB}`,
    `@${BOB}\n`,
    `@${BOB} `,
  ])('%j is nobody’s address', (text) => {
    expect(() => parseChannelReference(text)).toThrow(DcpError);
  });

  it('a channel keeps its name for everybody', () => {
    for (const name of ['#general', '#dm/abcdefghij23']) expect(viewerName(name, ALICE)).toBe(name);
  });
});

describe('group DMs (§9.2)', () => {
  it('[DCP-9.2-06] have a generated name that is valid, and that nobody can choose', () => {
    const name = '#dm/abcdefghij23';
    expect(GROUP_NAME.test(name)).toBe(true);
    expect(channelNameFault(name)).toBeUndefined();
    expect(() => checkNewChannelName(name)).toThrow(DcpError);
    for (const bad of [
      '#dm/abc',
      '#dm/abcdefghij234',
      '#dm/ABCDEFGHIJ23',
      '#dm/abcdefghij01',
      '#dx/abcdefghij23',
      `${name}\n`,
      `x${name}`,
    ])
      expect(GROUP_NAME.test(bad)).toBe(false);
  });
});
