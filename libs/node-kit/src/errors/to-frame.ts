import type { ErrorBody } from '@dcp/protocol';
import { asFailure } from './failure.js';

/** The `error` event of a socket; `id` is that of the command it answers (§14.1, protocol profile 4). */
export interface ErrorFrame {
  event: 'error';
  id?: string;
  error: ErrorBody;
}

export function toFrame(thrown: unknown, requestId: string, commandId?: string, now: Date = new Date()): ErrorFrame {
  const error = asFailure(thrown).toBody(requestId, now);
  return commandId === undefined ? { event: 'error', error } : { event: 'error', id: commandId, error };
}
