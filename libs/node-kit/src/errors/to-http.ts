import type { DcpError, ErrorBody } from '@dcp/protocol';
import { asFailure } from './failure.js';

export interface HttpFailure {
  status: number;
  body: { error: ErrorBody };
  headers: Record<string, string>;
}

/** The REST answer of any thrown value (§14.1): status of the registry, body, and `Retry-After` in whole seconds (§14.3). */
export function toHttp(thrown: unknown, requestId: string, now: Date = new Date()): HttpFailure {
  const failure = asFailure(thrown);
  return {
    status: failure.httpStatus,
    body: { error: failure.toBody(requestId, now) },
    headers: retryHeaders(failure),
  };
}

function retryHeaders(failure: DcpError): Record<string, string> {
  const seconds = failure.details['retry_after'];
  return typeof seconds === 'number' && seconds >= 0 ? { 'Retry-After': String(Math.ceil(seconds)) } : {};
}
