import { describe, expect, it } from '@jest/globals';
import { deviceEntrySchema } from './devices.js';
import type { DcpError } from './errors.js';
import { parseWith } from './validation.js';

const entry = (more: Record<string, unknown> = {}) => ({
  user_id: 'a7f3k9m2.alice-7x9k',
  seq: 1,
  prev: null,
  action: 'add',
  device: 'dev_a1b2c3d4e5f6g7h8',
  signing_key: `ed25519:${'A'.repeat(43)}=`,
  exchange_key: `x25519:${'A'.repeat(43)}=`,
  capabilities: ['text', 'ml-kem-768'],
  created: '2026-11-01T10:00:00.000Z',
  signature: 'ed25519:AAAA',
  ...more,
});

const fault = (value: unknown): unknown => {
  try {
    parseWith(deviceEntrySchema, value);
    return undefined;
  } catch (error) {
    return (error as DcpError).details['path'];
  }
};

describe('entries of a device log (profile §3)', () => {
  it('a device is added with both of its keys, and revoked by its id', () => {
    expect(fault(entry())).toBeUndefined();
    expect(fault(entry({ action: 'revoke', signing_key: undefined, exchange_key: undefined }))).toBeUndefined();
    for (const missing of ['signing_key', 'exchange_key'])
      expect(fault(entry({ [missing]: undefined }))).toBe('signing_key');
  });

  it('keys are of their own kinds', () => {
    expect(fault(entry({ signing_key: entry().exchange_key }))).toBe('signing_key');
    expect(fault(entry({ exchange_key: entry().signing_key }))).toBe('exchange_key');
  });

  it.each([
    ['seq', [0, -1, 1.5, '1', null]],
    ['prev', ['', 'sha256:', 'md5:00', 7, undefined]],
    ['action', ['remove', 'Add', '', null]],
    ['device', ['dev_', 'phone', `dev_${'A'.repeat(16)}`, null]],
    ['name', ['x'.repeat(101), 7]],
    ['capabilities', ['ml-kem-768', Array.from({ length: 41 }, () => 'x')]],
    ['created', ['now', '', null]],
    ['signature', ['', 'AAAA', null]],
  ])('%s is checked', (member, values) => {
    for (const value of values) expect(fault(entry({ [member]: value }))).toBe(member);
  });

  it('members of later versions are kept: they are signed and hashed', () => {
    expect(parseWith(deviceEntrySchema, entry({ later: true }))).toEqual(entry({ later: true }));
  });
});
