import { newRequestId, reportFailure, toHttp } from '@dcp/node-kit';
import { asDcpError, DcpError } from '@dcp/protocol';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from '@dcp/node-kit';

/** Every failure of a REST call leaves through here, as the body of §14.1. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    sendFailure(reply, thrown, this.logger);
  }
}

export function sendFailure(reply: FastifyReply, thrown: unknown, logger: Logger): void {
  const requestId = newRequestId();
  const error = fromHttp(thrown);
  reportFailure(logger, error, requestId);
  const { status, body, headers } = toHttp(error, requestId);
  void reply
    .status(status)
    .headers({ ...headers, 'x-request-id': requestId })
    .send(body);
}

/** Nest's and Fastify's own refusals, in the words of §14.2. */
function fromHttp(thrown: unknown): DcpError {
  const status = thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: unknown }).statusCode;
  if (thrown instanceof DcpError || typeof status !== 'number' || status >= 500) return asDcpError(thrown);
  if (status === 413) return new DcpError('MESSAGE_TOO_LARGE', { max_size: MAX_BODY_BYTES });
  if (status === 404) return new DcpError('MESSAGE_NOT_FOUND', { reason: 'no_such_endpoint' }, 'No such endpoint');
  if (status === 415) return new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'send Content-Type: application/json' });
  return new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'malformed_request' });
}

/** A body above this is refused before it is read whole. */
export const MAX_BODY_BYTES = 256 * 1024;
