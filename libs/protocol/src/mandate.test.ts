import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { stateEffect, type StateFacts } from './channel-state.js';
import { DcpError } from './errors.js';
import { CONSENT_DAYS, consentInput } from './handover-authors.js';
import { type Handover, handoverInput, handoverSchema, MAX_BY_ADMINS } from './handover.js';
import { homeAfter } from './home-after.js';
import { type Consent, type Mandate, mandateInput, mandateSchema, MAX_ADMINS, quorumOf } from './mandate.js';
import type { StateEntry } from './messages.js';

const hashOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const channel = `ch_${'a'.repeat(52)}`;
const owner = 'aaaaaaaa.alice-x';
const [bob, carol, dave] = ['bbbbbbbb.bob-x', 'cccccccc.carol-x', 'dddddddd.dave-x'] as const;
const signature = `ed25519:${'A'.repeat(86)}==`;
const issued = '2026-01-20T00:00:00.000Z';
const mandate: Mandate = {
  channel_id: channel,
  serial: 1,
  admins: [bob, carol, dave],
  issued,
  author: owner,
  signature,
};
const consent = (author: string, changes: Partial<Consent> = {}): Consent => ({
  author,
  issued,
  signature,
  ...changes,
});
const word: Handover = {
  channel_id: channel,
  epoch: 2,
  from_node: 'aaaaaaaa',
  to_node: 'bbbbbbbb',
  kind: 'lost',
  last_seq: 7,
  void_to: 1_007,
  prev: null,
  issued,
  author: bob,
  device: 'dev_aaaaaaaaaaaaaaaa',
  mandate,
  consents: [consent(carol)],
  signature,
};
const reasonOf = (changes: Partial<Handover>): unknown => {
  try {
    return homeAfter(channel, { home_node: 'aaaaaaaa', creator: owner }, [{ ...word, ...changes }], hashOf).home;
  } catch (error) {
    return error instanceof DcpError ? error.details['reason'] : error;
  }
};

describe('what admins may do in the owner’s place [DCP-10.2]', () => {
  it('more than half of them say where a lost channel goes on', () => {
    expect([0, 1, 2, 3, 4, 9].map((many) => quorumOf({ admins: Array<string>(many).fill('x') }))).toEqual([
      1, 1, 2, 2, 3, 5,
    ]);
    expect(reasonOf({})).toBe('bbbbbbbb');
    expect(reasonOf({ consents: [consent(carol), consent(dave)] })).toBe('bbbbbbbb');
    const alone = { mandate: { ...mandate, admins: [bob] }, consents: [] };
    expect(reasonOf(alone)).toBe('bbbbbbbb');
  });

  it('too few, the same one twice, somebody else and nobody do not', () => {
    expect(reasonOf({ consents: [] })).toBe('quorum');
    expect(reasonOf({ consents: undefined })).toBe('quorum');
    expect(reasonOf({ consents: [consent(bob)] })).toBe('quorum');
    expect(reasonOf({ consents: [consent(carol), consent(carol)] })).toBe('quorum');
    expect(reasonOf({ consents: [consent(owner)] })).toBe('handover_author');
    expect(reasonOf({ author: owner })).toBe('handover_author');
    expect(reasonOf({ mandate: { ...mandate, admins: [] }, consents: [] })).toBe('handover_author');
  });

  it('only by the owner’s mandate, for this channel', () => {
    expect(reasonOf({ mandate: { ...mandate, author: bob } })).toBe('handover_author');
    expect(reasonOf({ mandate: { ...mandate, channel_id: `ch_${'b'.repeat(52)}` } })).toBe('handover_author');
    expect(reasonOf({ mandate: undefined, consents: undefined })).toBe('handover_author');
  });

  it('a consent is good for two weeks', () => {
    const days = (many: number) => new Date(Date.parse(issued) - many * 86_400_000).toISOString();
    expect(reasonOf({ consents: [consent(carol, { issued: days(CONSENT_DAYS) })] })).toBe('bbbbbbbb');
    for (const many of [CONSENT_DAYS + 0.01, -CONSENT_DAYS - 0.01])
      expect(reasonOf({ consents: [consent(carol, { issued: days(many) })] })).toBe('consent_time');
  });

  it('is bounded in a chain, so that one answer holds it', () => {
    const chain = [word];
    while (chain.length <= MAX_BY_ADMINS) {
      const { epoch, from_node, to_node } = chain.at(-1) as Handover;
      const prev = hashOf(handoverInput(chain.at(-1) as Handover));
      chain.push({ ...word, epoch: epoch + 1, from_node: to_node, to_node: from_node, prev });
    }
    const lead = (some: Handover[]) => homeAfter(channel, { home_node: 'aaaaaaaa', creator: owner }, some, hashOf);
    expect(lead(chain.slice(0, MAX_BY_ADMINS)).epoch).toBe(MAX_BY_ADMINS + 1);
    expect(() => lead(chain)).toThrow(expect.objectContaining({ details: { reason: 'too_many_handovers' } }));
  });
});

describe('the signatures of admins', () => {
  it('are under the same words, each with his own name, and change no hash', () => {
    const { consents: _, ...bare } = word;
    expect(hashOf(handoverInput(word))).toBe(hashOf(handoverInput(bare)));
    const mine = { author: carol, issued: '2026-01-19T00:00:00.000Z' };
    const { device: _d, ...asCarol } = { ...bare, ...mine };
    expect(consentInput(word, mine)).toEqual(handoverInput(asCarol));
    const withDevice = { ...mine, device: 'dev_bbbbbbbbbbbbbbbb' };
    expect(consentInput(word, withDevice)).toEqual(handoverInput({ ...bare, ...withDevice }));
    // Whoever carries the consents may sign at another time, with another device.
    const later = { ...word, author: dave, issued: '2026-01-25T00:00:00.000Z', device: 'dev_cccccccccccccccc' };
    expect(consentInput(later, mine)).toEqual(consentInput(word, mine));
    for (const changed of [{ to_node: 'dddddddd' }, { last_seq: 8 }, { mandate: { ...mandate, serial: 2 } }])
      expect(consentInput({ ...word, ...changed }, mine)).not.toEqual(consentInput(word, mine));
  });

  it('a mandate is named by what its owner signed', () => {
    expect(mandateInput({ ...mandate, signature: 'x' })).toEqual(mandateInput(mandate));
    expect(mandateInput({ ...mandate, serial: 2 })).not.toEqual(mandateInput(mandate));
  });
});

describe('shapes', () => {
  it('of a hand-over by admins', () => {
    expect(handoverSchema.safeParse(word).success).toBe(true);
    for (const changed of [
      { kind: 'given', last_seq: undefined, void_to: undefined },
      { mandate: undefined },
      { mandate: { ...mandate, serial: 0 } },
      { consents: [{ author: carol, issued }] },
      { consents: [{ ...consent(carol), more: 1 }] },
      { consents: Array.from({ length: MAX_ADMINS + 1 }, () => consent(carol)) },
      { more: 'x'.repeat(6_144) },
    ])
      expect(handoverSchema.safeParse({ ...word, ...changed }).success).toBe(false);
    const { mandate: _m, consents: _c, ...plain } = word;
    expect(handoverSchema.safeParse({ ...plain, more: 'x'.repeat(2_048) }).success).toBe(false);
  });

  it('of a mandate: nobody twice, not too many, not too long', () => {
    expect(mandateSchema.safeParse(mandate).success).toBe(true);
    expect(mandateSchema.safeParse({ ...mandate, admins: [] }).success).toBe(true);
    const many = (count: number) => Array.from({ length: count }, (_, i) => `aaaaaaaa.${'u'.repeat(62)}${i % 10}`);
    expect(mandateSchema.safeParse({ ...mandate, admins: many(MAX_ADMINS) }).success).toBe(true);
    for (const changed of [
      { admins: [bob, bob] },
      { admins: [...many(MAX_ADMINS), bob] },
      { admins: ['bob'] },
      { serial: 1.5 },
      { serial: 2_147_483_648 },
      { more: 'x'.repeat(1_536) },
    ])
      expect(mandateSchema.safeParse({ ...mandate, ...changed }).success).toBe(false);
  });

  it('of a change of settings that carries one: it must be the author’s own, for this channel', () => {
    const standing = { role: null, invitedKey: null, banned: false };
    const facts: StateFacts = {
      visibility: 'private',
      created: true,
      creator: owner,
      actor: { ...standing, role: 'owner' },
      target: standing,
    };
    const entry = (told: unknown) =>
      ({
        channel_id: channel,
        author: owner,
        content: { action: 'settings_changed', actor: owner, target: '#x', details: { mandate: told } },
      }) as unknown as StateEntry;
    expect(stateEffect(entry(mandate), facts)).toMatchObject({ kind: 'settings', mandate });
    for (const told of [null, 'x', { ...mandate, author: bob }, { ...mandate, channel_id: `ch_${'b'.repeat(52)}` }])
      expect(() => stateEffect(entry(told), facts)).toThrow(
        expect.objectContaining({ code: 'INVALID_MESSAGE_FORMAT' }),
      );
    const member = { ...facts, actor: { ...standing, role: 'member' as const } };
    expect(() => stateEffect(entry(mandate), member)).toThrow(
      expect.objectContaining({ code: 'INSUFFICIENT_PERMISSIONS' }),
    );
  });
});
