import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DcpError } from './errors.js';
import {
  acknowledgeKeys,
  backupRecord,
  claimKeys,
  fetchKeys,
  getDevices,
  keyMessage,
  MAX_BACKUP_RECORDS,
  MAX_CLAIM_DEVICES,
  MAX_DEVICE_LOGS,
  MAX_FETCH_KEYS,
  MAX_KEY_MESSAGE,
  MAX_PREKEYS_A_CALL,
  MAX_SEND_KEYS,
  MAX_SEND_KEYS_BYTES,
  prekeySchema,
  publishKeys,
  putBackup,
  sendKeys,
} from './keys.js';
import { parseWith } from './validation.js';

const DEVICE = { user_id: 'a7f3k9m2.alice-7x9k', device: 'dev_a1b2c3d4e5f6g7h8' };
const base64 = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');
const X25519 = `x25519:${base64(32)}`;
const KEM = `ml-kem-768:${base64(1_184)}`;

const prekey = (more: Record<string, unknown> = {}) => ({
  ...DEVICE,
  epoch: 0,
  kind: 'one-time',
  id: 1,
  key: X25519,
  created: '2026-11-01T10:00:00.000Z',
  signature: `ed25519:${base64(64)}`,
  ...more,
});
const message = (more: Record<string, unknown> = {}) => ({ ...DEVICE, id: 'k_a1b2c3d4', body: 'AAAA', ...more });
const record = (more: Record<string, unknown> = {}) => ({ id: 'sk_x', month: '2026-11', body: 'AAAA', ...more });

/** The member that a refusal names; undefined: it was taken. */
function refused(schema: Parameters<typeof parseWith>[0], value: unknown): unknown {
  try {
    parseWith(schema, value);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
    return (error as DcpError).details['path'];
  }
}

describe('prekeys (profile §5)', () => {
  it.each([
    ['signed', X25519, KEM],
    ['one-time', X25519, KEM],
    ['kem', KEM, X25519],
    ['kem-last-resort', KEM, X25519],
  ])('[DCP-6.3-02] %s has a key of its own kind and no other', (kind, good, bad) => {
    expect(refused(prekeySchema, prekey({ kind, key: good }))).toBeUndefined();
    expect(refused(prekeySchema, prekey({ kind, key: bad }))).toBe('key');
  });

  it.each(['', 'kem-512', 'Signed', 'one_time', 'toString', null, 1])('%j is no kind of prekey', (kind) => {
    expect(refused(prekeySchema, prekey({ kind }))).toBe('kind');
  });

  it('ids are 32 bits from 1, epochs 0 to 1,000,000, whole numbers both', () => {
    for (const id of [1, 0xffff_ffff]) expect(refused(prekeySchema, prekey({ id }))).toBeUndefined();
    for (const id of [0, -1, 0x1_0000_0000, 1.5, '1', NaN, null])
      expect(refused(prekeySchema, prekey({ id }))).toBe('id');
    for (const epoch of [0, 1_000_000]) expect(refused(prekeySchema, prekey({ epoch }))).toBeUndefined();
    for (const epoch of [-1, 1_000_001, 0.5, '0', null]) expect(refused(prekeySchema, prekey({ epoch }))).toBe('epoch');
  });

  it('keys and signatures name their algorithm and have a bounded length', () => {
    const bad = [
      '',
      'x25519:',
      base64(32),
      `ed25519:${base64(32)}`,
      `x25519:${'A'.repeat(200)}`,
      `ml-kem-768:${'A'.repeat(1_700)}`,
    ];
    for (const key of bad) expect(refused(prekeySchema, prekey({ key }))).toBe('key');
    for (const signature of ['', base64(64), `ed25519:${'A'.repeat(200)}`])
      expect(refused(prekeySchema, prekey({ signature }))).toBe('signature');
  });

  it('needs every member, and keeps those that it does not know: they are signed', () => {
    for (const member of Object.keys(prekey())) {
      const { [member]: _gone, ...rest } = prekey() as Record<string, unknown>;
      expect(refused(prekeySchema, rest)).toBe(member);
    }
    expect(parseWith(prekeySchema, prekey({ later: [1] }))).toEqual(prekey({ later: [1] }));
  });

  it('one call publishes fifty at most; none at all asks for the stock', () => {
    const call = (count: number) => ({ epoch: 0, prekeys: Array.from({ length: count }, () => prekey()) });
    for (const count of [0, MAX_PREKEYS_A_CALL]) expect(refused(publishKeys, call(count))).toBeUndefined();
    expect(refused(publishKeys, call(MAX_PREKEYS_A_CALL + 1))).toBe('prekeys');
  });
});

describe('queues between devices', () => {
  it('a message has an id that makes sending again safe, and a body that fits into a frame', () => {
    for (const id of ['a1b2c3d4', 'k_-'.padEnd(64, 'z')]) expect(refused(keyMessage, message({ id }))).toBeUndefined();
    for (const id of ['a1b2c3d', 'z'.repeat(65), 'K_A1B2C3', 'a1b2c3d4\n', 'a1b2 3d4', '', null])
      expect(refused(keyMessage, message({ id }))).toBe('id');
    expect(refused(keyMessage, message({ body: 'A'.repeat(MAX_KEY_MESSAGE) }))).toBeUndefined();
    for (const body of ['', 'A'.repeat(MAX_KEY_MESSAGE + 1), 'Ü', 'AA AA', 'AAAA\n'])
      expect(refused(keyMessage, message({ body }))).toBe('body');
  });

  it('one call sends one to 64 messages; the largest single one fits into what a call may hold', () => {
    const call = (count: number) => ({ messages: Array.from({ length: count }, () => message()) });
    for (const count of [1, MAX_SEND_KEYS]) expect(refused(sendKeys, call(count))).toBeUndefined();
    for (const count of [0, MAX_SEND_KEYS + 1]) expect(refused(sendKeys, call(count))).toBe('messages');
    expect(MAX_KEY_MESSAGE).toBeLessThan(MAX_SEND_KEYS_BYTES);
  });

  it('places in a queue are whole numbers, and pages bounded', () => {
    for (const after of [0, Number.MAX_SAFE_INTEGER]) expect(refused(fetchKeys, { after })).toBeUndefined();
    for (const after of [-1, 0.5, '0', null, Infinity]) expect(refused(fetchKeys, { after })).toBe('after');
    for (const limit of [0, MAX_FETCH_KEYS + 1, 1.5]) expect(refused(fetchKeys, { after: 0, limit })).toBe('limit');
    for (const up_to of [0, -1, 1.5, '1']) expect(refused(acknowledgeKeys, { up_to })).toBe('up_to');
  });

  it('one call claims bundles of one to fifty devices, and reads fifty device logs', () => {
    const devices = (count: number) => ({ devices: Array.from({ length: count }, () => DEVICE) });
    const users = (count: number) => ({
      users: Array.from({ length: count }, () => ({ user_id: DEVICE.user_id, after: 0 })),
    });
    for (const count of [1, MAX_CLAIM_DEVICES]) expect(refused(claimKeys, devices(count))).toBeUndefined();
    for (const count of [0, MAX_CLAIM_DEVICES + 1]) expect(refused(claimKeys, devices(count))).toBe('devices');
    for (const count of [1, MAX_DEVICE_LOGS]) expect(refused(getDevices, users(count))).toBeUndefined();
    for (const count of [0, MAX_DEVICE_LOGS + 1]) expect(refused(getDevices, users(count))).toBe('users');
  });
});

describe('the sealed backup', () => {
  it('a record belongs to a month or to the keys, and nothing in its name reaches into a path', () => {
    for (const month of ['2026-11', 'keys']) expect(refused(backupRecord, record({ month }))).toBeUndefined();
    for (const month of ['2026', '2026-1', '2026-11-01', '2026-11\n', 'Keys', '', null])
      expect(refused(backupRecord, record({ month }))).toBe('month');
    for (const id of ['mk:2026-11.a1b2c3d4', 'x'.repeat(128)])
      expect(refused(backupRecord, record({ id }))).toBeUndefined();
    for (const id of ['', 'x'.repeat(129), 'a/b', 'a b', 'a%2f', 'a\n', null])
      expect(refused(backupRecord, record({ id }))).toBe('id');
  });

  it('is bounded in the size of a record and the number of a call', () => {
    expect(refused(backupRecord, record({ body: 'A'.repeat(65_536) }))).toBeUndefined();
    expect(refused(backupRecord, record({ body: 'A'.repeat(65_537) }))).toBe('body');
    const call = (count: number) => ({ records: Array.from({ length: count }, () => record()) });
    for (const count of [1, MAX_BACKUP_RECORDS]) expect(refused(putBackup, call(count))).toBeUndefined();
    for (const count of [0, MAX_BACKUP_RECORDS + 1]) expect(refused(putBackup, call(count))).toBe('records');
  });
});

it('whatever JSON comes, an answer or a DcpError that repeats nothing of it', () => {
  const schemas = [prekeySchema, publishKeys, claimKeys, sendKeys, fetchKeys, acknowledgeKeys, getDevices, putBackup];
  fc.assert(
    fc.property(fc.constantFrom(...schemas), fc.jsonValue(), (schema, value) => {
      try {
        parseWith<unknown>(schema, value);
      } catch (error) {
        expect(error).toBeInstanceOf(DcpError);
      }
    }),
  );
  expect(() => parseWith(prekeySchema, prekey({ key: 'x25519:geheim!' }))).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('geheim') }) as unknown as Error,
  );
});
