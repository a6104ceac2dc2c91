import { describe, expect, it } from '@jest/globals';
import { messageReport } from './report.js';
import { newDecision } from './trust.js';

const channel_id = `ch_${'a'.repeat(52)}`;
const message = {
  id: 'msg_7fk2m9x4b6q8n3w5',
  type: 'text',
  timestamp: '2026-01-02T03:04:05.678Z',
  author: 'b8x1n5p4.mallory',
  device: 'dev_abcdefghijklmnop',
  channel_id,
  content: { ciphertext: 'AAAA' },
  encryption: {
    algorithm: 'chacha20-poly1305',
    key_id: 'sk_1',
    nonce: 'AAAAAAAAAAAAAAAA',
    device: 'dev_abcdefghijklmnop',
    epoch: 0,
    n: 0,
  },
  metadata: {},
  signature: `ed25519:${'A'.repeat(86)}==`,
};
const report = { channel_id, message, key: `${'A'.repeat(43)}=`, reason: 'spam', note: 'every day' };
const faultOf = (changes: object) =>
  messageReport.safeParse({ ...report, ...changes }).error?.issues[0]?.path.join('.');

describe('messageReport', () => {
  it('takes a message with its key, and one that needs none', () => {
    expect(messageReport.parse(report)).toEqual(report);
    const { key: _key, note: _note, ...least } = report;
    expect(messageReport.parse(least)).toEqual(least);
  });

  it('refuses what is no report, and says where', () => {
    expect(faultOf({ channel_id: 'general' })).toBe('channel_id');
    expect(faultOf({ key: 'AAAA' })).toBe('key');
    expect(faultOf({ reason: 'I do not like it' })).toBe('reason');
    expect(faultOf({ note: 'x'.repeat(501) })).toBe('note');
    expect(faultOf({ message: { ...message, type: 'system' } })).toBe('message.type');
    expect(faultOf({ message: { ...message, channel_id: undefined } })).toBe('message.channel_id');
  });

  it('refuses a message of another channel than the one that it is reported from', () => {
    expect(faultOf({ channel_id: `ch_${'b'.repeat(52)}` })).toBe('message.channel_id');
  });

  it('has the limit of a message, to the byte', () => {
    const sized = (bytes: number) => {
      const rest = JSON.stringify({ ...message, filler: '' }).length;
      return { message: { ...message, filler: 'x'.repeat(bytes - rest) } };
    };
    expect(faultOf(sized(65_536))).toBeUndefined();
    expect(faultOf(sized(65_537))).toBe('message');
  });
});

describe('newDecision', () => {
  const decision = { action: 'ban_user', target: message.author };

  it('may settle reports, by their ids and not too many', () => {
    const id = 'rep_abcdefghijklmn23';
    expect(newDecision.safeParse({ ...decision, reports: [id], with_proof: true }).success).toBe(true);
    for (const reports of [[], ['rep_1'], Array.from({ length: 21 }, () => id)])
      expect(newDecision.safeParse({ ...decision, reports }).success).toBe(false);
  });
});
