import { asDcpError, DcpError } from '@dcp/protocol';
import { databaseFailure } from '../database/database-errors.js';
import type { Logger } from '../logging/logger.js';

/**
 * Any thrown value as the DcpError that may leave this process. Lost connections (database, network) become MAINTENANCE_MODE (9001);
 * everything unknown becomes INTERNAL_ERROR (9000) with no inner text (§14.2). The cause stays for the log.
 */
export function asFailure(thrown: unknown): DcpError {
  if (thrown instanceof DcpError) return thrown.code === 'INTERNAL_ERROR' ? scrubbed(thrown) : thrown;
  return databaseFailure(thrown) ?? asDcpError(thrown);
}

/** A 9000 tells the outside nothing, whatever its thrower put into it; the log gets it as cause. */
function scrubbed(error: DcpError): DcpError {
  return new DcpError('INTERNAL_ERROR', {}, undefined, error.cause ?? error);
}

/** Writes a failure to the log under the id that the client got: `error` only for bugs (9000), `warn` while a part is away (9001). */
export function reportFailure(logger: Logger, thrown: unknown, requestId?: string): void {
  const failure = asFailure(thrown);
  const fields = { code: failure.code, request_id: requestId, err: failure };
  if (failure.code === 'INTERNAL_ERROR') logger.error(fields, 'unexpected failure');
  else if (failure.code === 'MAINTENANCE_MODE') logger.warn(fields, 'a needed part is away');
  else logger.debug({ ...fields, err: undefined }, 'request refused');
}
