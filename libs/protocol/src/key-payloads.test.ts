import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DcpError } from './errors.js';
import { parseKeyPayload } from './key-payloads.js';

const CHANNEL = `ch_${'a2'.repeat(26)}`;
const KEY_ID = `sk_${'a2'.repeat(13)}`;
const CHAIN = Buffer.alloc(32, 7).toString('base64');
const OWNER = { user_id: 'a7f3k9m2.alice-7x9k', device: 'dev_a1b2c3d4e5f6g7h8' };

const PAYLOADS = {
  key: { t: 'key', channel_id: CHANNEL, epoch: 0, key_id: KEY_ID, n: 0, chain: CHAIN },
  share: { t: 'share', channel_id: CHANNEL, epoch: 3, key_id: KEY_ID, n: 999, chain: CHAIN, ...OWNER },
  ask: { t: 'ask', channel_id: CHANNEL, key_id: KEY_ID, n: 1_000_000, seq: 7 },
  deny: { t: 'deny', channel_id: CHANNEL, key_id: KEY_ID },
  ping: { t: 'ping' },
};

const parsed = (value: unknown) => parseKeyPayload(JSON.stringify(value));
/** The member that is refused. */
const fault = (text: string): unknown => {
  try {
    return { taken: parseKeyPayload(text) };
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    return (error as DcpError).details['path'] ?? (error as DcpError).details['reason'];
  }
};
const changed = (of: object, member: string, value: unknown) => fault(JSON.stringify({ ...of, [member]: value }));

describe('what devices tell each other (profile §5)', () => {
  it.each(Object.values(PAYLOADS))('$t is read as it was written, unknown members included', (payload) => {
    expect(parsed(payload)).toEqual(payload);
    expect(parsed({ ...payload, later: { x: 1 } })).toEqual({ ...payload, later: { x: 1 } });
  });

  it.each(Object.values(PAYLOADS))('$t needs every one of its members', (payload) => {
    for (const member of Object.keys(payload)) {
      const { [member]: _gone, ...rest } = payload as Record<string, unknown>;
      expect([member, fault(JSON.stringify(rest))]).toEqual([member, member]);
    }
  });

  it('a sender key’s id is one that a device draws, its channel an id, not a name', () => {
    const ids = [
      '',
      'sk_',
      `sk_${'A2'.repeat(13)}`,
      `sk_${'a'.repeat(25)}`,
      `sk_${'a'.repeat(27)}`,
      `sk_${'1'.repeat(26)}`,
      `${KEY_ID}\n`,
      '../x',
      null,
      7,
    ];
    for (const payload of [PAYLOADS.key, PAYLOADS.share, PAYLOADS.ask, PAYLOADS.deny]) {
      for (const id of ids) expect(changed(payload, 'key_id', id)).toBe('key_id');
      for (const id of ['#general', '', 'ch_', `${CHANNEL}2`, 'constructor', null])
        expect(changed(payload, 'channel_id', id)).toBe('channel_id');
    }
  });

  it('places in a chain and epochs are whole numbers within bounds', () => {
    for (const payload of [PAYLOADS.key, PAYLOADS.share, PAYLOADS.ask])
      for (const n of [-1, 0.5, 1_000_001, 1e300, '0', null, [0], true]) expect(changed(payload, 'n', n)).toBe('n');
    for (const epoch of [-1, 0.5, '0', null, 2 ** 53]) expect(changed(PAYLOADS.key, 'epoch', epoch)).toBe('epoch');
  });

  it('a chain key is base64 of a bounded length', () => {
    for (const chain of ['', 'A'.repeat(65), 'AA AA', 'ä', null, 7, {}])
      expect(changed(PAYLOADS.key, 'chain', chain)).toBe('chain');
  });

  it('whose key is shared is a user and a device, whatever properties objects have', () => {
    for (const user of ['alice', '__proto__', 'a7f3k9m2.alice.x', '', null])
      expect(changed(PAYLOADS.share, 'user_id', user)).toBe('user_id');
    for (const device of ['dev_', 'constructor', `dev_${'A'.repeat(16)}`, null])
      expect(changed(PAYLOADS.share, 'device', device)).toBe('device');
  });

  it.each(['key ', 'KEY', 'toString', '__proto__', 'system', '', null, 1, {}])('%j is no kind of payload', (t) => {
    expect(changed(PAYLOADS.ping, 't', t)).toBe('t');
  });

  it.each([
    '',
    'ping',
    'null',
    '[]',
    '"ping"',
    '7',
    '{',
    '{"t":"ping"}x',
    '{"t":"ping","t":"ask"}',
    '{"t":"\\u0000"}',
    '{"t":"ping","x":"\\ud800"}',
    `{"t":"ping","x":1e999}`,
    `{"t":"ping","x":${'['.repeat(40)}${']'.repeat(40)}}`,
    `${'['.repeat(50_000)}`,
    '\uFEFF{"t":"ping"}',
  ])('refuses %.40j', (text) => {
    expect(() => parseKeyPayload(text)).toThrow(DcpError);
  });

  it('a member named __proto__ changes no object', () => {
    const payload = parseKeyPayload('{"t":"ping","__proto__":{"admin":true}}');
    expect('admin' in payload).toBe(false);
    expect('admin' in {}).toBe(false);
  });

  it('any text gives a payload or a DcpError, and the error repeats nothing of it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), broken), (text) => {
        try {
          expect(Object.keys(PAYLOADS)).toContain(parseKeyPayload(text).t);
        } catch (error) {
          expect(error).toBeInstanceOf(DcpError);
          expect(JSON.stringify((error as DcpError).details)).not.toContain(CHAIN);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** A payload with one character of its text changed. */
const broken = fc
  .tuple(
    fc.constantFrom(...Object.values(PAYLOADS)),
    fc.nat(),
    fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
  )
  .map(([payload, at, character]) => {
    const text = JSON.stringify(payload);
    return text.slice(0, at % text.length) + character + text.slice((at % text.length) + 1);
  });
