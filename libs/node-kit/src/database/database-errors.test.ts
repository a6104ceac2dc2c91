import { describe, expect, it } from '@jest/globals';
import { databaseFailure } from './database-errors.js';

const thrown = (members: object, cause?: unknown) =>
  Object.assign(new Error('x', cause === undefined ? {} : { cause }), members);

describe('failures of the database', () => {
  it.each([
    ['the socket of a server that has ended', thrown({ code: 'ENOENT', syscall: 'connect' })],
    ['the same, wrapped', thrown({}, thrown({ code: 'ENOENT', syscall: 'connect' }))],
    ['a refused connection', thrown({ code: 'ECONNREFUSED' })],
    ['a full disk', thrown({ code: '53100' })],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
  ])('%s: it is away, and may be asked again', (_what, error) => {
    expect(databaseFailure(error)).toMatchObject({ code: 'MAINTENANCE_MODE', retryable: true });
  });

  it.each([
    ['a missing file of another kind', thrown({ code: 'ENOENT', syscall: 'open' })],
    ['a broken rule', thrown({ code: '23505' })],
    ['no error', 'ENOENT'],
  ])('%s: that is something else', (_what, error) => {
    expect(databaseFailure(error)).toBeUndefined();
  });
});
