import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ERRORS, DcpError, asDcpError } from './errors.js';
import { checkMessageSize, isFullForm, MAX_MESSAGE_BYTES, refuseNodeMembers, replyTo, utf8Length } from './messages.js';
import { messageSigningInput, signedMessageView, signingInput } from './signing.js';

describe('messages (§6)', () => {
  it('[DCP-6.4-04] [DCP-14.1-02] [DCP-14.2-07] 65,536 bytes pass, one more is 2001 with both numbers', () => {
    const sized = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) });
    expect(checkMessageSize(sized(MAX_MESSAGE_BYTES))).toHaveLength(MAX_MESSAGE_BYTES);
    const refused = expect.objectContaining({
      code: 'MESSAGE_TOO_LARGE',
      details: { max_size: 65536, actual_size: 70000 },
    });
    expect(() => checkMessageSize(sized(70_000))).toThrow(refused as unknown as Error);
    expect(() => checkMessageSize(sized(MAX_MESSAGE_BYTES + 1))).toThrow(DcpError);
  });

  it('counts UTF-8 bytes without encoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => expect(utf8Length(text)).toBe(Buffer.byteLength(text))),
    );
  });

  it('knows the full form by any member that only it has', () => {
    expect(isFullForm({ channel: '#general', content: {}, reply_to: null })).toBe(false);
    for (const member of ['id', 'timestamp', 'author', 'encryption', 'signature', 'metadata', 'device']) {
      expect(isFullForm({ [member]: null })).toBe(true);
    }
  });

  it.each([
    { node: {} },
    { function_result: {} },
    { metadata: { edited: true } },
    { metadata: { reactions: { a: 1 } } },
  ])('%j comes from nodes only', (message) => {
    expect(() => refuseNodeMembers(message)).toThrow(DcpError);
  });

  it('the empty forms that the examples show are allowed', () => {
    expect(() => refuseNodeMembers({ metadata: { edited: false, reactions: {} } })).not.toThrow();
  });

  it('reply_to is read from both places, which must agree', () => {
    expect(replyTo({ content: { reply_to: 'msg_a' }, metadata: { reply_to: null } })).toBe('msg_a');
    expect(replyTo({ content: {}, metadata: { reply_to: 'msg_b' } })).toBe('msg_b');
    expect(replyTo({ content: {} })).toBeNull();
    expect(() => replyTo({ content: { reply_to: 'msg_a' }, metadata: { reply_to: 'msg_b' } })).toThrow(DcpError);
  });
});

describe('what is signed', () => {
  const message = {
    id: 'msg_a1b2c3d4e5f6g7h8',
    channel: '#general',
    channel_id: 'ch_x',
    content: { text: 'x' },
    signature: 'ed25519:AAAA',
    node: { seq: 1 },
    metadata: { client: 'a/1', edited: false, reactions: {}, reply_to: null },
  };

  it('leaves out the signature, the viewer’s channel and what nodes add', () => {
    expect(signedMessageView(message)).toEqual({
      id: message.id,
      channel_id: 'ch_x',
      content: { text: 'x' },
      metadata: { client: 'a/1', reply_to: null },
    });
  });

  it('names its kind, so that no signature serves for another', () => {
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    expect(text(signingInput('IDENTITY', { b: 1, a: 2, signature: 's' }))).toBe('DCP-IDENTITY-V1\0{"a":2,"b":1}');
    expect(text(messageSigningInput(message, 'NODEMSG'))).toMatch(/^DCP-NODEMSG-V1\0/);
  });
});

describe('the error table (§14.2)', () => {
  it('[DCP-14.2-01] names and numbers are one to one and lie in their ranges', () => {
    const numbers = Object.values(ERRORS).map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers) expect([10, 20, 30, 40, 41, 50, 90]).toContain(Math.floor(number / 100));
  });

  it('[DCP-14.1-01] a body has the members of §14.1 and comes back as the same error', () => {
    const error = new DcpError('RATE_LIMITED', { retry_after: 3 });
    const body = error.toBody('req_12345', new Date('2025-09-06T10:30:00Z'));
    expect(body).toEqual({
      code: 'RATE_LIMITED',
      number: 3002,
      message: 'Too many requests',
      details: { retry_after: 3 },
      timestamp: '2025-09-06T10:30:00.000Z',
      request_id: 'req_12345',
    });
    expect(DcpError.fromBody(body)).toMatchObject({ code: 'RATE_LIMITED', details: { retry_after: 3 } });
  });

  it('[DCP-14.2-14] an unknown failure tells nothing of itself', () => {
    const error = asDcpError(new Error('password is hunter2'));
    expect(JSON.stringify(error.toBody('req_1'))).not.toContain('hunter2');
    expect(error.number).toBe(9000);
  });
});
