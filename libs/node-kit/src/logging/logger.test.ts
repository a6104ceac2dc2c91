import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.js';
import { prettyLine } from './pretty.js';
import { newRequestId, randomId } from './request-id.js';

function captured() {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'channel',
    level: 'trace',
    destination: { write: (line) => void lines.push(line) },
  });
  const last = () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
  return { logger, last, text: () => lines.join('') };
}

describe('createLogger', () => {
  it('writes service, instance, ISO time and level name', () => {
    const { logger, last } = captured();
    logger.info({ n: 1 }, 'hello');
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
      service: 'channel',
      instance: expect.stringMatching(/^[a-z0-9]{8}$/),
      n: 1,
      msg: 'hello',
    });
  });

  it('redacts secrets and content by name at any depth, in children too', () => {
    const { logger, text } = captured();
    const secrets = {
      ...{ authorization: 'S1', session_token: 'S2', sessionToken: 'S3', signature: 'S4', passphrase: 'S5' },
      ...{
        encrypted_data: 'S6',
        content: { text: 'S7' },
        private_key: 'S8',
        signingPrivateKey: 'S9',
        'Set-Cookie': 'S10',
      },
    };
    logger.info({ ...secrets, a: { b: { c: { d: { e: [secrets] } } } } }, 'x');
    logger.child({ request: { headers: secrets } }).warn('y');
    logger.child({ n: 1 }).child({ secrets }).warn('z');
    logger.error({ err: Object.assign(new Error('x'), secrets) });
    expect(text()).not.toMatch(/S\d/);
    expect(text().match(/\[redacted\]/g)?.length).toBeGreaterThan(20);
  });

  it('keeps ids, numbers and dates', () => {
    const { logger, last } = captured();
    logger.info({ key_id: 'k1', message_id: 'msg_1', at: new Date(0), big: 5n, none: null, token: undefined }, 'x');
    expect(last()).toMatchObject({
      key_id: 'k1',
      message_id: 'msg_1',
      at: '1970-01-01T00:00:00.000Z',
      big: '5',
      none: null,
    });
    expect(last()).not.toHaveProperty('token');
  });

  it('bounds bytes, long lists and deep or circular values', () => {
    const { logger, last } = captured();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    logger.info(
      { bytes: Buffer.alloc(9), list: Array.from({ length: 1_000 }, () => 1), circle, map: new Map([[1, 2]]) },
      'x',
    );
    expect(last()).toMatchObject({ bytes: '[9 bytes]', map: '[1 members]' });
    expect((last()['list'] as unknown[]).length).toBe(101);
    expect(JSON.stringify(last()).length).toBeLessThan(2_000);
  });

  it.each([
    ['a JSON text', () => JSON.parse('{"text": hidden}')],
    [
      'a database value',
      () => fail('invalid input syntax for type uuid: "hidden"', { code: '22P02', detail: 'hidden', where: 'hidden' }),
    ],
    [
      'a broken constraint',
      () => fail('duplicate key', { code: '23505', detail: 'Key (id)=(hidden)', constraint: 'entries_pkey' }),
    ],
    ['a password in a URL', () => fail('cannot reach postgresql://user:hidden@db/x')],
  ])('logs an error without %s', (_what, run) => {
    const { logger, last, text } = captured();
    try {
      run();
    } catch (error) {
      logger.error(error);
      logger.error({ err: new Error('outer', { cause: error }), other: { deep: error } });
    }
    expect(text()).not.toContain('hidden');
    expect(last()['err']).toMatchObject({ type: 'Error', message: 'outer', stack: expect.stringContaining('at ') });
    expect((last()['err'] as { cause: { type: string } }).cause.type).toMatch(/Error$/);
  });

  it('prints lines for people when asked', () => {
    const { logger, text } = captured();
    logger.warn({ n: 1 }, 'hello');
    expect(prettyLine(text())).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}channel: hello \{"n":1\}\n$/);
  });
});

describe('request ids', () => {
  it('[DCP-14.1-03] look like req_ and 16 of [a-z0-9], and do not repeat', () => {
    const ids = Array.from({ length: 10_000 }, newRequestId);
    for (const id of ids) expect(id).toMatch(/^req_[a-z0-9]{16}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('use every symbol about equally', () => {
    const counts = new Map<string, number>();
    for (const symbol of randomId(36_000)) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
    expect(counts.size).toBe(36);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(250);
  });
});

function fail(message: string, more: object = {}): never {
  throw Object.assign(new Error(message), more);
}
