import { expect } from '@jest/globals';
import type { Dict } from './json.js';
import type { Answer } from './rest.js';

/** §14.2 and profile §7: the number of each code; the HTTP status is what the suite assumes (README). */
export const ERRORS = {
  INVALID_CREDENTIALS: { number: 1000, http: 401 },
  SESSION_EXPIRED: { number: 1001, http: 401 },
  INSUFFICIENT_PERMISSIONS: { number: 1002, http: 403 },
  ACCOUNT_SUSPENDED: { number: 1003, http: 403 },
  INVALID_MESSAGE_FORMAT: { number: 2000, http: 400 },
  MESSAGE_TOO_LARGE: { number: 2001, http: 413 },
  CHANNEL_NOT_FOUND: { number: 2002, http: 404 },
  USER_NOT_FOUND: { number: 2003, http: 404 },
  MESSAGE_NOT_FOUND: { number: 2004, http: 404 },
  CHANNEL_EXISTS: { number: 2005, http: 409 },
  INVALID_CHANNEL_NAME: { number: 2006, http: 400 },
  CONFLICT: { number: 2007, http: 409 },
  NODE_UNREACHABLE: { number: 3000, http: 502 },
  FEDERATION_ERROR: { number: 3001, http: 502 },
  RATE_LIMITED: { number: 3002, http: 429 },
  BANDWIDTH_EXCEEDED: { number: 3003, http: 429 },
  INTERNAL_ERROR: { number: 9000, http: 500 },
  MAINTENANCE_MODE: { number: 9001, http: 503 },
  PROTOCOL_VERSION_MISMATCH: { number: 9002, http: 426 },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** §14.1. */
export interface ErrorBody {
  code: ErrorCode;
  number: number;
  message: string;
  details: Dict;
  timestamp: string;
  request_id: string;
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/;

/** The five members of §14.1 and the number of §14.2, and nothing of the inside of the node. */
export function expectErrorBody(error: unknown, code: ErrorCode): ErrorBody {
  expect(error).toMatchObject({
    code,
    number: ERRORS[code].number,
    message: expect.stringMatching(/\S/),
    details: expect.any(Object),
    timestamp: expect.stringMatching(TIME),
    request_id: expect.stringMatching(/^req_[A-Za-z0-9]+$/),
  });
  expect(JSON.stringify(error)).not.toMatch(/node_modules|\bat .+:\d+:\d+|SELECT |INSERT |prisma|postgres/i);
  return error as ErrorBody;
}

/** A REST answer that refuses. */
export function expectRefused(answer: Answer, code: ErrorCode): ErrorBody {
  const body = expectErrorBody(answer.body?.['error'], code);
  expect(answer.status).toBe(ERRORS[code].http);
  return body;
}
