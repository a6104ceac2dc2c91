import { DcpError } from '@dcp/protocol';
import { isError } from '../errors/is-error.js';

/** SQLSTATE classes (PostgreSQL manual, appendix A): the server is away, full, starting or stopping, read-only or too slow. */
const AWAY_CLASSES = /^(08|53)[0-9A-Z]{3}$/;
const AWAY_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '57014', '55P03', '25006', '25P03', '40001', '40P01']);

/** Node's network errors and Prisma's names for a lost or exhausted connection. */
const AWAY_CODES = new Set(
  (
    'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN ' +
    'P1001 P1002 P1008 P1017 P2024 P2034'
  ).split(' '),
);

/** `pg` gives these failures a text only. */
const AWAY_TEXTS =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/** The SQLSTATE or system code of a thrown value, looked for in its causes too (adapters wrap). */
export function failureCode(thrown: unknown, depth = 0): string | undefined {
  if (!isError(thrown) || depth > 5) return undefined;
  const { code } = thrown as { code?: unknown };
  return typeof code === 'string' ? code : failureCode(thrown.cause, depth + 1);
}

/** The Unix socket of a server that has ended. Any other missing file is a fault of ours. */
function isSocketGone(thrown: unknown, depth = 0): boolean {
  if (!isError(thrown) || depth > 5) return false;
  const { code, syscall } = thrown as { code?: unknown; syscall?: unknown };
  return (code === 'ENOENT' && syscall === 'connect') || isSocketGone(thrown.cause, depth + 1);
}

/** True when the same transaction may simply run again: serialization failure or deadlock. */
export function isRetryableTransaction(thrown: unknown): boolean {
  const code = failureCode(thrown);
  return code === '40001' || code === '40P01';
}

/**
 * MAINTENANCE_MODE (9001, retryable, outcome unknown) when the database could not be asked; undefined for every other failure.
 * A commit whose answer got lost is among them: the same request may be sent again.
 */
export function databaseFailure(thrown: unknown): DcpError | undefined {
  const code = failureCode(thrown);
  const told = code === undefined ? isError(thrown) && AWAY_TEXTS.test(thrown.message) : isAway(code);
  const away = told || isSocketGone(thrown);
  return away ? new DcpError('MAINTENANCE_MODE', { reason: 'unavailable' }, undefined, thrown) : undefined;
}

function isAway(code: string): boolean {
  return AWAY_CODES.has(code) || AWAY_STATES.has(code) || AWAY_CLASSES.test(code);
}
