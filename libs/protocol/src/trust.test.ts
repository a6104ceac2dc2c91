import { describe, expect, it } from '@jest/globals';
import { DcpError } from './errors.js';
import { blockedSubject, newDecision, trustEntry, trustHead, trustUpdateFrame } from './trust.js';
import { parseWith } from './validation.js';

/** §10.2, as printed. */
const PRINTED = {
  type: 'trust_update',
  action: 'ban_user',
  target: 'c9y2m7q1.spam-user-x7k2',
  evidence: { type: 'spam', messages: ['msg_123', 'msg_456'], timestamp: '2025-09-06T10:30:00Z' },
  signature: 'ed25519:moderator-signature',
};
const ENTRY = {
  issuer: 'a7f3k9m2',
  seq: 1,
  prev: null,
  issued: '2026-01-01T00:00:00.000Z',
  action: 'ban_user',
  target: PRINTED.target,
  by: 'a7f3k9m2.boss',
  signature: PRINTED.signature,
};

describe('trust updates', () => {
  it('[DCP-10.2-05] the frame of the specification is accepted as it stands, unknown members included', () => {
    expect(parseWith(trustUpdateFrame, PRINTED)).toEqual(PRINTED);
    expect(parseWith(trustUpdateFrame, { ...PRINTED, weight: 3 })).toHaveProperty('weight', 3);
  });

  const wrong: [string, object][] = [
    ['an unknown action', { action: 'erase_user' }],
    ['a target that is no user', { target: 'msg_123' }],
    ['no evidence', { evidence: undefined }],
    ['a temporary ban without an end', { action: 'temp_ban_user' }],
    ['a permanent ban with an end', { expires: '2026-01-01T00:00:00Z' }],
    ['evidence that is a book', { evidence: { ...PRINTED.evidence, text: 'x'.repeat(9_000) } }],
    ['a rate for a ban', { per_minute: 3 }],
    ['a rate limit without a rate', { action: 'rate_limit_user' }],
    ['a rate of nothing', { action: 'rate_limit_user', per_minute: 0 }],
    ['a flagged user', { action: 'flag_content' }],
    ['a blocked user', { action: 'block_node' }],
    ['an end that is no time', { action: 'temp_ban_user', expires: 'tomorrow' }],
  ];
  it.each(wrong)('refuses %s, in frames and in decisions', (_, change) => {
    expect(() => parseWith(trustUpdateFrame, { ...PRINTED, ...change })).toThrow(DcpError);
    if ('evidence' in change && change.evidence === undefined) return;
    expect(() => parseWith(newDecision, { ...PRINTED, ...change })).toThrow(DcpError);
  });

  it('an entry of a log takes an earlier one back by its number', () => {
    expect(parseWith(trustEntry, ENTRY)).toEqual(ENTRY);
    expect(parseWith(trustEntry, { ...ENTRY, action: 'lift', lifts: 1 })).toMatchObject({ lifts: 1 });
    expect(() => parseWith(trustEntry, { ...ENTRY, action: 'lift' })).toThrow(DcpError);
    expect(() => parseWith(trustEntry, { ...ENTRY, lifts: 1 })).toThrow(DcpError);
    expect(() => parseWith(trustEntry, { ...ENTRY, seq: 0 })).toThrow(DcpError);
    expect(() => parseWith(trustHead, ENTRY)).toThrow(DcpError);
  });

  it('block lists name users and nodes', () => {
    expect(['a7f3k9m2', PRINTED.target, 'msg_123', 'A7F3K9M2'].map(blockedSubject)).toEqual([
      'node',
      'user',
      undefined,
      undefined,
    ]);
  });
});
