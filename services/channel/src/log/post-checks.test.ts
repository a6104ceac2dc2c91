import { randomBytes, toBase64 } from '@dcp/crypto';
import { DcpError, MAX_CLOCK_SKEW_MS } from '@dcp/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkClock, checkEncryption, checkReply, checkText } from './post-checks.js';

/** Details of what a check throws; undefined when it is content. */
function faultOf(check: () => unknown): Record<string, unknown> | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof DcpError) return error.details;
    throw error;
  }
}

describe('checks of a post', () => {
  it('[DCP-6.4-02] five minutes either way, whatever the time', () => {
    const anyTime = fc.integer({ min: 0, max: Date.UTC(2200, 0) });
    const anyOffset = fc.integer({ min: -2 * MAX_CLOCK_SKEW_MS, max: 2 * MAX_CLOCK_SKEW_MS });
    fc.assert(
      fc.property(anyTime, anyOffset, (now, offset) => {
        const fault = faultOf(() => checkClock(new Date(now + offset).toISOString(), now));
        expect(fault === undefined).toBe(Math.abs(offset) <= MAX_CLOCK_SKEW_MS);
      }),
    );
  });

  it('[DCP-6.1-06] a nonce of twelve bytes, in any spelling of base64', () => {
    const block = (nonce: string, algorithm: 'chacha20-poly1305' | 'none' = 'chacha20-poly1305') =>
      faultOf(() => checkEncryption({ algorithm, key_id: 'k', nonce }));
    const nonce = toBase64(randomBytes(12));
    expect(block(nonce)).toBeUndefined();
    expect(block(nonce.replaceAll('+', '-').replaceAll('/', '_'))).toBeUndefined();
    expect(block('', 'none')).toBeUndefined();
    for (const wrong of ['', '....', toBase64(randomBytes(16))])
      expect(block(wrong)?.['path']).toBe('encryption.nonce');
  });

  it('X-14: one reference in either place, or the same in both', () => {
    const reply = (content: unknown, metadata: string | null | undefined) =>
      checkReply({ content: { reply_to: content }, metadata: { reply_to: metadata } });
    expect(reply(null, null)).toBeNull();
    expect(reply('msg_12345', null)).toBe('msg_12345');
    expect(reply(undefined, 'msg_12345')).toBe('msg_12345');
    expect(reply('msg_12345', 'msg_12345')).toBe('msg_12345');
    expect(faultOf(() => reply('msg_12345', 'msg_54321'))?.['path']).toBe('metadata.reply_to');
    expect(faultOf(() => reply('elsewhere', null))?.['path']).toBe('reply_to');
  });

  it('finds U+0000 in names and texts, and nothing in an escaped backslash before u0000', () => {
    const check = (value: unknown) => faultOf(() => checkText(value, JSON.stringify(value)));
    expect(check({ text: 'a\0' })?.['reason']).toBe('nul_character');
    expect(check({ ['a\0']: 1 })?.['reason']).toBe('nul_character');
    expect(check({ text: '\\u0000' })).toBeUndefined();
  });
});
