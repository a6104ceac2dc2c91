import { describe, expect, it } from '@jest/globals';
import { DcpError, ERRORS, type ErrorCode } from '@dcp/protocol';
import { createLogger } from '../logging/logger.js';
import { fromBus, toBus } from './bus-error.js';
import { reportFailure } from './failure.js';
import { toFrame } from './to-frame.js';
import { toHttp } from './to-http.js';

const now = new Date('2026-01-02T03:04:05.678Z');
const codes = Object.keys(ERRORS) as ErrorCode[];

describe('toHttp', () => {
  it('[DCP-14.1-01] answers with status and the body of §14.1', () => {
    const error = new DcpError('CHANNEL_NOT_FOUND', { channel: '#x' });
    expect(toHttp(error, 'req_1', now)).toEqual({
      status: 404,
      headers: {},
      body: {
        error: {
          code: 'CHANNEL_NOT_FOUND',
          number: 2002,
          message: 'Target channel does not exist',
          details: { channel: '#x' },
          timestamp: '2026-01-02T03:04:05.678Z',
          request_id: 'req_1',
        },
      },
    });
  });

  it.each(codes)('has the registered status for %s', (code) => {
    const answer = toHttp(new DcpError(code), 'req_1', now);
    expect([answer.status, answer.body.error.code]).toEqual([ERRORS[code].http, code]);
  });

  it('[DCP-14.2-12] tells when to retry, in the body and in Retry-After (whole seconds)', () => {
    const answer = toHttp(new DcpError('RATE_LIMITED', { retry_after: 1.2 }), 'req_1');
    expect(answer.headers).toEqual({ 'Retry-After': '2' });
    expect(answer.body.error.details).toEqual({ retry_after: 1.2 });
  });

  it.each([
    new TypeError('inner secret'),
    'inner secret',
    undefined,
    new DcpError('INTERNAL_ERROR', { x: 1 }, 'inner secret'),
  ])('[DCP-14.2-14] hides an unknown failure behind 9000: %s', (thrown) => {
    const answer = toHttp(thrown, 'req_9', now);
    expect(answer.status).toBe(500);
    expect(answer.body.error).toMatchObject({ code: 'INTERNAL_ERROR', number: 9000, details: {}, request_id: 'req_9' });
    expect(JSON.stringify(answer)).not.toContain('secret');
  });

  it.each(['ECONNREFUSED', '57P01', '08006', '53300', '57014', 'P1001'])(
    'maps a lost database (%s) to 9001',
    (code) => {
      const lost = new Error('adapter', { cause: Object.assign(new Error('inner secret'), { code }) });
      const answer = toHttp(lost, 'req_1');
      expect([answer.status, answer.body.error.number]).toEqual([503, 9001]);
      expect(JSON.stringify(answer)).not.toContain('secret');
    },
  );

  it.each(['23505', '42P01', 'ENOENT', '22P02'])('does not take %s for a lost database', (code) => {
    expect(toHttp(Object.assign(new Error('x'), { code }), 'req_1').status).toBe(500);
  });
});

describe('toFrame', () => {
  it('answers a command under its id, and stands alone without one', () => {
    const error = toHttp(new DcpError('CONFLICT'), 'req_1', now).body.error;
    expect(toFrame(new DcpError('CONFLICT'), 'req_1', 'c7', now)).toEqual({ event: 'error', id: 'c7', error });
    expect(toFrame(new DcpError('CONFLICT'), 'req_1', undefined, now)).toEqual({ event: 'error', error });
  });
});

describe('toBus, fromBus', () => {
  it.each(codes)('carries %s there and back', (code) => {
    const details = code === 'INTERNAL_ERROR' ? {} : { retry_after: 3 };
    const back = fromBus(JSON.parse(JSON.stringify(toBus(new DcpError(code, details)))));
    expect([back.code, back.details, back.message]).toEqual([code, details, ERRORS[code].message]);
  });

  it('keeps the name of a code that only the other side knows', () => {
    expect(fromBus({ code: 'NEW', message: 'new', details: {} })).toMatchObject({
      code: 'INTERNAL_ERROR',
      details: { code: 'NEW' },
    });
  });
});

describe('reportFailure', () => {
  const report = (thrown: unknown) => {
    const lines: string[] = [];
    const logger = createLogger({
      service: 't',
      level: 'trace',
      destination: { write: (line) => void lines.push(line) },
    });
    reportFailure(logger, thrown, 'req_5');
    return JSON.parse(lines[0] ?? '{}') as { level: string; request_id: string; err?: { cause?: { message: string } } };
  };

  it('[DCP-14.1-03] writes the request id, and the cause of a bug at level error', () => {
    const line = report(new TypeError('the cause'));
    expect([line.level, line.request_id, line.err?.cause?.message]).toEqual(['error', 'req_5', 'the cause']);
  });

  it('writes 9001 at level warn and all others at debug', () => {
    expect(report(new DcpError('MAINTENANCE_MODE')).level).toBe('warn');
    expect(report(new DcpError('CONFLICT')).level).toBe('debug');
  });
});
