import { toFrame, reportFailure } from '@dcp/node-kit';
import { asDcpError, type ServerEvent } from '@dcp/protocol';
import { newRequestId } from '@dcp/node-kit';
import type { Logger } from '@dcp/node-kit';
import type { Connection } from './connection.js';
import { textFrame } from './frames.js';

/** Answers to commands (profile §4): `ack` or `error`, with the command's `id` when it had one. */

export function sendEvent(connection: Connection, event: ServerEvent | { type: string }): void {
  connection.push(textFrame(JSON.stringify(event)));
}

export function sendAck(connection: Connection, id: string | undefined, data: object): void {
  connection.push(textFrame(JSON.stringify(id === undefined ? { event: 'ack', data } : { event: 'ack', id, data })));
}

/** Sends the §14.1 error; its request id is found in the log. */
export function sendError(connection: Connection, id: string | undefined, thrown: unknown, logger: Logger): void {
  const error = asDcpError(thrown);
  const requestId = newRequestId();
  reportFailure(logger, error, requestId);
  connection.push(textFrame(JSON.stringify(toFrame(error, requestId, id))));
}
