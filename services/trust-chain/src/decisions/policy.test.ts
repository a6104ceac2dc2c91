import { describe, expect, it } from '@jest/globals';
import { DECISION_ACTIONS, TRUST_LEVELS } from '@dcp/protocol';
import { automaticStatus } from './policy.js';

const OWN = 'aaaa1111';
const about = { action: 'ban_user' as const, target: 'cccc3333.spam', issuer: 'bbbb2222' };

describe('automaticStatus', () => {
  it('[DCP-10.3-01] [DCP-10.3-02] [DCP-10.3-04] follows the level of the node that decided', () => {
    const statuses = TRUST_LEVELS.map((level) => [level, automaticStatus(about, level, OWN)]);
    expect(Object.fromEntries(statuses)).toEqual({
      trusted: 'applied',
      monitored: 'pending',
      unknown: 'ignored',
      blocked: 'ignored',
    });
  });

  it("applies the own node's decisions whatever level it has", () => {
    for (const level of TRUST_LEVELS) expect(automaticStatus({ ...about, issuer: OWN }, level, OWN)).toBe('applied');
  });

  it('[DCP-10.3-06] lets every flag wait for a person', () => {
    const flag = { ...about, action: 'flag_content' as const };
    for (const issuer of [OWN, about.issuer])
      expect(automaticStatus({ ...flag, issuer }, 'trusted', OWN)).toBe('pending');
  });

  it('never applies what nobody listens to, and never blocks the node itself', () => {
    for (const action of DECISION_ACTIONS)
      for (const level of ['unknown', 'blocked'] as const)
        expect(automaticStatus({ ...about, action }, level, OWN)).toBe('ignored');
    expect(automaticStatus({ ...about, action: 'block_node', target: OWN }, 'trusted', OWN)).toBe('ignored');
  });
});
